//! DATPRL-IR: the prompt that a picture chooses for itself. A picture that is restored in one piece needs nothing: its
//! network asks its own encoder, and [`explain`] reads what it chose. Tiles share the prompt of the whole picture, made
//! here: encoder and mappers run once on the whole, and every tile gets the prompt vector as an input.

use super::{Conditioning, repeated};
use crate::base::{DType, Error, Kind, Result, Shape};
use crate::gpu::Gpu;
use crate::models::datprl::{DEGRADATION, DOMAIN, query_part, select_part};
use crate::run::model::Model;
use crate::run::plan::{Plan, PlanKey};

/// The pools in the order of their report, with the names of what they stand for.
const POOLS: [(&str, &str); 2] = [(DEGRADATION, "task"), (DOMAIN, "domain")];

/// Whether the checkpoint has prompts at all.
pub fn prompted(model: &Model) -> bool {
    model.network().config()["use_prompt"].as_bool().unwrap_or(false)
}

/// The prompt of `picture` (its shape and padded values; a batch gets a prompt for each) for runs of `images` tiles. Where
/// the encoder of the whole picture would take more than `limit` bytes of activations, the queries are the mean over
/// pieces that fit.
pub fn condition(
    model: &mut Model,
    gpu: &Gpu,
    precision: DType,
    picture: (&Shape, &[f32]),
    images: u32,
    limit: u64,
) -> Result<Conditioning> {
    if !prompted(model) {
        return Ok(Conditioning::default());
    }
    let (shape, values) = picture;
    let piece = piece_size(model, gpu, precision, shape, limit)?;
    let (queries, pieces) = queries(model, gpu, precision, (shape, values), piece)?;
    let key = PlanKey { part: select_part(shape.n), precision };
    let plan = model.plan(gpu, &key)?;
    for (name, query) in &queries {
        plan.upload(gpu, name, query)?;
    }
    plan.run(gpu, &mut |_| true)?;
    let prompt = repeated(&plan.output_shape("prompt")?, &plan.read(gpu, "prompt")?, images)?;
    let mut explain = explain(gpu, plan)?;
    if pieces > 1 {
        explain.push(format!("the prompts were chosen from {pieces} parts of the picture: the whole does not fit"));
    }
    Ok(Conditioning { extra: vec![1], inputs: vec![("prompt".into(), prompt)], explain, ..Conditioning::default() })
}

/// What a plan chose, after it ran: the plan of a picture network without a given prompt, or of the selection.
pub fn explain(gpu: &Gpu, plan: &Plan) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for (pool, title) in POOLS {
        for chosen in chosen(gpu, plan, pool)? {
            let parts: Vec<String> = chosen.iter().map(|(i, w)| format!("#{i} {w:.3}")).collect();
            lines.push(format!("{title} prompts: {}", parts.join(", ")));
        }
    }
    Ok(lines)
}

/// For each picture the prompts of `pool` that were chosen and their weights, best first; empty where the network has no
/// such pool.
pub fn chosen(gpu: &Gpu, plan: &Plan, pool: &str) -> Result<Vec<Vec<(usize, f32)>>> {
    let name = format!("{pool}_weights");
    if !plan.outputs().any(|n| n == name) {
        return Ok(Vec::new());
    }
    let values = plan.read(gpu, &name)?;
    let width = plan.output_shape(&name)?.c.padded() as usize;
    let pick = |row: &[f32]| {
        let mut chosen: Vec<(usize, f32)> = row.iter().copied().enumerate().filter(|(_, w)| *w != 0.0).collect();
        chosen.sort_by(|a, b| b.1.total_cmp(&a.1));
        chosen
    };
    Ok(values.chunks(width).map(pick).collect())
}

/// Height and width of the pieces that the queries are taken from: the picture's own if its encoder fits.
fn piece_size(model: &Model, gpu: &Gpu, precision: DType, shape: &Shape, limit: u64) -> Result<(u32, u32)> {
    let multiple = model.network().sizes().multiple;
    let (mut h, mut w) = (shape.h, shape.w);
    loop {
        let key = PlanKey { part: query_part(shape.n, h, w), precision };
        match model.cost(gpu, &key) {
            Ok((cost, _)) if cost.activations <= limit => return Ok((h, w)),
            Ok(_) => {}
            Err(e) if e.kind() == Kind::Memory => {}
            Err(e) => return Err(e),
        }
        let longer = if h >= w { &mut h } else { &mut w };
        let half = longer.div_ceil(2).next_multiple_of(multiple);
        if half >= *longer {
            return Err(Error::new(Kind::Memory, "the prompts cannot be chosen")
                .why(format!("the encoder does not fit {limit} bytes even for {h}x{w} pixels"))
                .advice("allow more memory"));
        }
        *longer = half;
    }
}

/// Queries by name, in the layout of the selection's inputs.
type Queries = Vec<(&'static str, Vec<f32>)>;

/// The mean of the queries of all pieces, and how many pieces there are.
fn queries(
    model: &mut Model,
    gpu: &Gpu,
    precision: DType,
    (shape, values): (&Shape, &[f32]),
    (h, w): (u32, u32),
) -> Result<(Queries, u32)> {
    // Not kept: while tiles run, the memory of a whole picture's encoder is better free.
    let mut plan = model.make_plan(gpu, &PlanKey { part: query_part(shape.n, h, w), precision }, &[])?;
    let mut sums = Queries::new();
    let (rows, columns) = (shape.h.div_ceil(h), shape.w.div_ceil(w));
    for i in 0..rows * columns {
        let top = (i / columns * h).min(shape.h - h);
        let left = (i % columns * w).min(shape.w - w);
        plan.upload(gpu, "input", &cut(shape, values, (top, left), (h, w)))?;
        plan.run(gpu, &mut |_| true)?;
        for (name, _) in POOLS {
            if !plan.outputs().any(|n| n == name) {
                continue;
            }
            let query = plan.read(gpu, name)?;
            match sums.iter_mut().find(|(n, _)| *n == name) {
                None => sums.push((name, query)),
                Some((_, sum)) => sum.iter_mut().zip(query).for_each(|(s, q)| *s += q),
            }
        }
    }
    let count = rows * columns;
    sums.iter_mut().for_each(|(_, sum)| sum.iter_mut().for_each(|s| *s /= count as f32));
    Ok((sums, count))
}

/// A piece of every picture of the batch.
fn cut(shape: &Shape, values: &[f32], (top, left): (u32, u32), (h, w): (u32, u32)) -> Vec<f32> {
    let stride = shape.c.padded() as usize;
    let mut out = Vec::with_capacity(shape.n as usize * (h * w) as usize * stride);
    for n in 0..shape.n {
        for y in top..top + h {
            let start = ((n * shape.h + y) * shape.w + left) as usize * stride;
            out.extend_from_slice(&values[start..start + w as usize * stride]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_cut_from_every_picture() {
        let shape = Shape::new(2, 3, 4, 1);
        let values: Vec<f32> = (0..24).flat_map(|i| [i as f32, 0.0, 0.0, 0.0]).collect();
        let piece: Vec<f32> = cut(&shape, &values, (1, 2), (2, 2)).chunks(4).map(|p| p[0]).collect();
        assert_eq!(piece, [6.0, 7.0, 10.0, 11.0, 18.0, 19.0, 22.0, 23.0]);
    }
}
