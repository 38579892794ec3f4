//! Cases of IPT: one square through the network, or a picture through its official tiling.

use serde_json::Value;

use super::network::shape_nchw;
use super::{Checked, Outcome, rel_l2};
use crate::base::{DType, Result, Shape};
use crate::checkpoint::{Case, Data};
use crate::gpu::Gpu;
use crate::models::ipt::Config;
use crate::run::chop::{Plane, forward_chop};
use crate::run::model::Model;
use crate::run::plan::PlanKey;

/// Runs `case` as its `call` says.
pub fn run(gpu: &Gpu, case: &Case, precision: DType) -> Result<Outcome> {
    let config = Config::parse(&case.config)?;
    // Weights of the wrapper around the network carry its prefix.
    let mut model = Model::with_network(case.weights.unwrapped()?, Box::new(config.clone()))?;
    let index = case.call.get("scale_idx").and_then(Value::as_u64).unwrap_or(0) as u32;
    let image = shape_nchw(case, "input")?;
    let key = PlanKey { part: config.part(image.n, index), precision };
    let input = image.from_nchw(&case.io.f32("input")?);
    let mut run = Run { case, checked: Vec::new(), tensors: Vec::new() };
    if case.call.get("forward").and_then(Value::as_str) == Some("forward_chop") {
        let values = image.strip_channels(&input);
        let picture = Plane { h: image.h as usize, w: image.w as usize, c: image.c.logical() as usize, values };
        let (chopped, tiles) = forward_chop(gpu, &mut model, &key, &picture, &[], &mut |_| true)?;
        let across = chopped.bottom.w / (tiles[0].w / 4) - 3;
        let bottom = tiles.len() - 1 - (chopped.right.h / (tiles[0].h / 4) - 3) - across;
        run.check("output", &[&chopped.picture])?;
        run.check("fn.cut_h", &[&chopped.bottom])?;
        run.check("fn.cut_w", &[&chopped.right])?;
        run.check("model", &tiles[bottom..bottom + across].iter().collect::<Vec<_>>())?;
    } else {
        let taps: Vec<String> = case.taps.iter().filter_map(|t| t.strip_prefix("tap.")).map(str::to_owned).collect();
        let mut plan = model.make_plan(gpu, &key, &taps)?;
        plan.upload(gpu, "input", &input)?;
        plan.run(gpu, &mut |_| true)?;
        let names: Vec<String> = plan.outputs().map(str::to_owned).collect();
        for name in names {
            let (shape, values) = (plan.output_shape(&name)?, plan.read(gpu, &name)?);
            let tokens = case.io.shape(&format!("tap.{name}")).is_some_and(|s| s.len() == 3);
            run.compare(&name, if tokens { sequence_first(&shape, &values) } else { shape.to_nchw(&values) })?;
        }
    }
    Ok((run.checked, run.tensors))
}

/// Tokens as the official code stores them: `[token, image, channel]`.
fn sequence_first(shape: &Shape, nhwc: &[f32]) -> Vec<f32> {
    let values = shape.strip_channels(nhwc);
    let (n, l, c) = (shape.n as usize, shape.pixels() as usize, shape.c.logical() as usize);
    (0..l).flat_map(|t| (0..n).map(move |i| i * l + t)).flat_map(|row| values[row * c..][..c].to_vec()).collect()
}

struct Run<'a> {
    case: &'a Case,
    checked: Vec<Checked>,
    tensors: Vec<(String, Vec<usize>, Data)>,
}

impl Run<'_> {
    /// Compares planes of equal size, stored as one NCHW batch.
    fn check(&mut self, name: &str, planes: &[&Plane]) -> Result<()> {
        let nchw = planes.iter().flat_map(|p| (0..p.c).flat_map(|c| p.values.iter().skip(c).step_by(p.c).copied()));
        self.compare(name, nchw.collect())
    }

    /// Compares with the stored tensor `name` or `tap.name`, whichever the case has.
    fn compare(&mut self, name: &str, ours: Vec<f32>) -> Result<()> {
        let tap = format!("tap.{name}");
        let decides = self.case.io.contains(name);
        let stored = if decides { name } else { &tap };
        let Some(shape) = self.case.io.shape(stored) else { return Ok(()) };
        let rel_l2 = rel_l2(&ours, &self.case.io.f32(stored)?);
        self.checked.push(Checked { name: stored.to_owned(), rel_l2, decides });
        if decides {
            self.tensors.push((stored.to_owned(), shape.to_vec(), Data::F32(ours)));
        }
        Ok(())
    }
}
