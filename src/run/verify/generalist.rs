//! Cases of the whole diffusion generalist: image, prompts and noise to the picture, with every value on the way.

use super::Outcome;
use super::tables::{Table, shape_nchw};
use crate::base::{DType, Error, Kind, Result};
use crate::checkpoint::Case;
use crate::diffusion::Step;
use crate::gpu::Gpu;
use crate::models::diffusion_generalist::Config;
use crate::run::diffusion::Generalist;

pub fn run(gpu: &Gpu, case: &Case, precision: DType) -> Result<Outcome> {
    let config = Config::parse(&case.config, &case.weights)?;
    let mut generalist = Generalist::with_config(case.weights.clone(), config, precision)?;
    let mut table = Table::new(case);

    let Some(&[prompts, tokens]) = case.io.shape("input_ids") else {
        return Err(Error::new(Kind::Checkpoint, format!("the case {} has no input_ids of 2 axes", case.name)));
    };
    let prompt = generalist.prompt(gpu, &case.io.i64("input_ids")?, tokens)?;
    table.values("context", prompt.context.0.to_rows(&prompt.context.1))?;

    let (image, noise) = (shape_nchw(case, "image")?, shape_nchw(case, "noise")?);
    let (from, to) = ([image.h, image.w], [noise.h, noise.w]);
    let photograph = generalist.photograph(gpu, &case.io.f32("image")?, image.n, from, to, true)?;
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
    Ok(table.finish())
}
