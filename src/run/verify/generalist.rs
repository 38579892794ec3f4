//! Cases of the whole diffusion generalist: image, prompts and noise to the picture, with every value on the way.

use serde_json::Value;

use super::Outcome;
use super::tables::{Table, shape_nchw};
use crate::base::{DType, Error, Kind, Result};
use crate::checkpoint::Case;
use crate::diffusion::Step;
use crate::diffusion::codecs::{Palette, instance, panoptic, rgb, semantic};
use crate::gpu::Gpu;
use crate::models::diffusion_generalist::Config;
use crate::run::diffusion::Generalist;
use crate::run::model::Model;

pub fn run(gpu: &Gpu, case: &Case, precision: DType) -> Result<Outcome> {
    let config = Config::parse(&case.config, &case.weights)?;
    let mut model = Model::with_network(case.weights.clone(), Box::new(config))?;
    let mut generalist = Generalist::new(&mut model, precision)?;
    let mut table = Table::new(case);

    let Some(&[prompts, tokens]) = case.io.shape("input_ids") else {
        return Err(Error::new(Kind::Checkpoint, format!("the case {} has no input_ids of 2 axes", case.name)));
    };
    let prompt = generalist.prompt(gpu, &case.io.i64("input_ids")?, tokens, &mut |_| true)?;
    table.values("context", prompt.context.0.strip_channels(&prompt.context.1))?;

    let (image, noise) = (shape_nchw(case, "image")?, shape_nchw(case, "noise")?);
    let (from, to) = ([image.h, image.w], [noise.h, noise.w]);
    let picture = case.io.f32("image")?;
    let photograph = generalist.photograph(gpu, &picture, image.n, from, to, true, &mut |_| true)?;
    let maps: Vec<Vec<f32>> = photograph.maps.iter().map(|(shape, values)| shape.to_nchw(values)).collect();
    let features = (0..image.n as usize).flat_map(|i| maps.iter().map(move |m| (i, m)));
    let of_image = |(i, m): (usize, &Vec<f32>)| {
        let each = m.len() / image.n as usize;
        m[i * each..(i + 1) * each].to_vec()
    };
    table.values("features", features.flat_map(of_image).collect())?;

    let sampler = generalist.sampler().clone();
    let timesteps: Vec<i64> = sampler.steps().iter().map(|s| i64::from(s.t)).collect();
    if case.io.contains("timesteps") && case.io.i64("timesteps")? != timesteps {
        return Err(Error::new(Kind::Checkpoint, format!("the case {} asks other timesteps", case.name))
            .why(format!("the schedule gives {timesteps:?}")));
    }
    let start: Vec<f64> = case.io.f32("noise")?.into_iter().map(f64::from).collect();
    let narrow = |values: &[f64]| values.iter().map(|v| *v as f32).collect::<Vec<f32>>();
    let (mut net_out, mut latents, mut pred_y0) = (Vec::new(), narrow(&start), Vec::new());
    let mut steps = generalist.steps(gpu, &prompt, &photograph)?;
    let mut denoise = |step: &Step, z: &[f64]| {
        let out = steps.denoise(step.t, z, &mut |_| true)?;
        net_out.extend(narrow(&out));
        Ok(out)
    };
    let mut fresh = |_: &Step, _: &mut [f64]| {
        Err(Error::new(Kind::Usage, format!("the case {} needs fresh noise", case.name))
            .why("end-to-end cases store the noise of the start alone"))
    };
    let finished = sampler.run(start, prompts, &mut denoise, &mut fresh, &mut |moment| {
        latents.extend(narrow(moment.y));
        pred_y0.extend(narrow(moment.y0));
        Ok(())
    })?;
    table.values("net_out", net_out)?;
    table.values("latents", latents)?;
    table.values("pred_y0", pred_y0)?;
    table.values("x0", narrow(&finished.x0))?;
    let rgb = finished.x0.iter().map(|v| ((v + 1.0) * 127.5).clamp(0.0, 255.0) as f32).collect();
    table.values("rgb255", rgb)?;
    // Half storage moves colours that stand close to a border between two labels.
    if let (Some(rules), DType::F32) = (case.call.get("decode"), precision) {
        decode(case, rules, &finished.x0, &mut table)?;
    }
    Ok(table.finish())
}

/// The panoptic map of two answers: the first drawn with semantic, the second with instance colours. A label counts as
/// equal where the case says that its colour is no clear choice.
fn decode(case: &Case, rules: &Value, x0: &[f64], table: &mut Table<'_>) -> Result<()> {
    let number = |key: &str| rules.get(key).and_then(Value::as_u64).unwrap_or(0);
    let things = rules.get("things").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let panoptic_rules = panoptic::Rules {
        things: things.iter().filter_map(|t| t.as_i64().map(|t| t as i32)).collect(),
        min_instance_area: number("min_instance_area") as usize,
        min_stuff_area: number("min_stuff_area") as usize,
    };
    let (first, second) = x0.split_at(x0.len() / 2);
    let semantic = semantic::decode(&rgb::from_planes(first), &Palette::new(number("C") as u32)?);
    let instance = instance::decode(&rgb::from_planes(second), &instance::palette(number("N") as u32)?);
    let merged = panoptic::merge(&semantic, &instance, &panoptic_rules)?;
    let mut compare = |name: &str, ours: &[i32], gap: Option<&str>| -> Result<()> {
        let expected = case.io.i64(name)?;
        let clear: Vec<bool> = match gap {
            Some(gap) => case.io.f32(gap)?.iter().map(|g| *g > 1.0).collect(),
            None => vec![true; ours.len()],
        };
        let wrong = ours.iter().zip(&expected).zip(clear).filter(|((a, b), clear)| *clear && i64::from(**a) != **b);
        table.exact(name, wrong.count(), ours.len() == expected.len());
        Ok(())
    };
    compare("semantic", &semantic, Some("semantic_gap"))?;
    compare("instance", &instance, Some("instance_gap"))?;
    compare("panoptic_class", &merged.class, None)?;
    compare("panoptic_id", &merged.id, None)
}
