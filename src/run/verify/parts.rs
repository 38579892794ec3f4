//! Cases of one part of the diffusion generalist: image encoder, text tower, UNet.

use serde_json::Value;

use super::Outcome;
use super::tables::{Table, shape_nchw};
use crate::base::{DType, Error, Kind, Result, Shape};
use crate::checkpoint::Case;
use crate::gpu::Gpu;
use crate::models::{Part, clip_text, convnext, ldm_unet};
use crate::run::model::Model;
use crate::run::plan::{Plan, PlanKey};

/// Names of tapped modules in the words of the canonical layout, beside those of the case.
fn taps(case: &Case, rename: impl Fn(&str) -> Option<String>) -> Vec<(String, String)> {
    let names = case.taps.iter().map(|t| t.strip_prefix("tap.").unwrap_or(t));
    names.filter_map(|t| Some((t.to_owned(), rename(t)?))).collect()
}

fn tapped(plan: &Plan, gpu: &Gpu, table: &mut Table<'_>, taps: &[(String, String)]) -> Result<()> {
    for (own, canonical) in taps {
        if plan.outputs().any(|o| o == canonical) {
            table.nhwc(own, &plan.output_shape(canonical)?, &plan.read(gpu, canonical)?)?;
        }
    }
    Ok(())
}

fn canonical_names(taps: &[(String, String)]) -> Vec<String> {
    taps.iter().map(|(_, canonical)| canonical.clone()).collect()
}

pub fn convnext(gpu: &Gpu, case: &Case, precision: DType) -> Result<Outcome> {
    let config = convnext::Config::parse(&case.config)?;
    let (layout, levels) = (config.layout, config.levels.clone());
    let mut model = Model::with_network(case.weights.clone(), Box::new(config))?;
    let shape = shape_nchw(case, "x")?;
    let taps = taps(case, |t| layout.rename(t));
    let key = PlanKey { part: Part::main(shape.n, shape.h, shape.w, Vec::new()), precision };
    let mut table = Table::new(case);
    let run = |model: &mut Model, taps: &[(String, String)], table: &mut Table<'_>| -> Result<Plan> {
        let mut plan = model.make_plan(gpu, &key, &canonical_names(taps))?;
        plan.upload(gpu, "input", &shape.from_nchw(&case.io.f32("x")?))?;
        plan.run(gpu, &mut |_| true)?;
        tapped(&plan, gpu, table, taps)?;
        Ok(plan)
    };
    let plan = run(&mut model, &[], &mut table)?;
    for level in levels {
        let name = convnext::STAGE_NAMES[level as usize];
        table.nhwc(name, &plan.output_shape(name)?, &plan.read(gpu, name)?)?;
    }
    if !taps.is_empty() {
        run(&mut model, &taps, &mut table)?;
    }
    Ok(table.finish())
}

pub fn clip_text(gpu: &Gpu, case: &Case, precision: DType) -> Result<Outcome> {
    let config = clip_text::Config::parse(&case.config, &case.weights)?;
    let mut model = Model::with_network(case.weights.clone(), Box::new(config.clone()))?;
    let Some(&[texts, tokens]) = case.io.shape("input_ids") else {
        return Err(Error::new(Kind::Checkpoint, format!("the case {} has no input_ids of 2 axes", case.name)));
    };
    let ids = case.io.i64("input_ids")?;
    let taps = taps(case, |t| config.layout.rename(t));
    let key = PlanKey { part: Part::main(texts as u32, 1, tokens as u32, Vec::new()), precision };
    let mut plan = model.make_plan(gpu, &key, &canonical_names(&taps))?;
    let shape = plan.input_shape("embeddings")?;
    let embedded = clip_text::embed(&config, model.dict(), "", &ids, tokens)?;
    plan.upload(gpu, "embeddings", &shape.pad_channels(&embedded))?;
    plan.run(gpu, &mut |_| true)?;
    let mut table = Table::new(case);
    let shape = plan.output_shape("last")?;
    let last = plan.read(gpu, "last")?;
    for name in ["last", "last_hidden_state"] {
        table.nhwc(name, &shape, &last)?;
    }
    table.nhwc("penultimate", &shape, &plan.read(gpu, "penultimate")?)?;
    let hidden = shape.strip_channels(&last);
    table.values("pooled", clip_text::pool(&config, model.dict(), &hidden, &ids, tokens)?)?;
    tapped(&plan, gpu, &mut table, &taps)?;
    Ok(table.finish())
}

pub fn ldm_unet(gpu: &Gpu, case: &Case, precision: DType) -> Result<Outcome> {
    let config = ldm_unet::Config::parse(&case.config, &case.weights)?;
    let mut model = Model::with_network(case.weights.clone(), Box::new(config.clone()))?;
    let sample = shape_nchw(case, "sample")?;
    let tokens = case.io.shape("context").and_then(|s| s.get(1)).copied().unwrap_or(0) as u32;
    let keys = context_keys(gpu, case, &config, &mut model, precision, tokens)?;
    let key = PlanKey { part: Part::main(sample.n, sample.h, sample.w, vec![tokens]), precision };
    let start = |plan: &Plan| -> Result<()> {
        plan.upload(gpu, "input", &sample.from_nchw(&case.io.f32("sample")?))?;
        keys.iter().try_for_each(|(name, values)| plan.upload(gpu, name, values))
    };
    let mut table = Table::new(case);
    let mut plan = model.make_plan(gpu, &key, &[])?;
    start(&plan)?;
    let timesteps = case.call.get("timesteps").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    for (t, name) in timesteps.iter().zip(case.outputs()) {
        plan.upload(gpu, "time", &time(&config, t, sample.n))?;
        // The input may share its memory with what comes later in the graph.
        plan.upload(gpu, "input", &sample.from_nchw(&case.io.f32("sample")?))?;
        plan.run(gpu, &mut |_| true)?;
        table.nhwc(name, &plan.output_shape("output")?, &plan.read(gpu, "output")?)?;
    }
    drop(plan);
    let taps = taps(case, |t| Some(t.to_owned()));
    if let (Some(t), false) = (timesteps.first(), taps.is_empty()) {
        let mut plan = model.make_plan(gpu, &key, &canonical_names(&taps))?;
        start(&plan)?;
        plan.upload(gpu, "time", &time(&config, t, sample.n))?;
        plan.run(gpu, &mut |_| true)?;
        tapped(&plan, gpu, &mut table, &taps)?;
    }
    Ok(table.finish())
}

/// One timestep for all images, or a list with one for each.
pub(super) fn time(config: &ldm_unet::Config, t: &Value, images: u32) -> Vec<f32> {
    let each = match t.as_array() {
        Some(list) => list.iter().filter_map(Value::as_f64).collect(),
        None => vec![t.as_f64().unwrap_or(0.0); images as usize],
    };
    ldm_unet::time_features(config, &each)
}

/// Keys and values of every cross-attention, under the names of the step's inputs.
fn context_keys(
    gpu: &Gpu,
    case: &Case,
    config: &ldm_unet::Config,
    model: &mut Model,
    precision: DType,
    tokens: u32,
) -> Result<Vec<(String, Vec<f32>)>> {
    let n = case.io.shape("context").and_then(|s| s.first()).copied().unwrap_or(1) as u32;
    let part = Part { name: ldm_unet::CONTEXT, n, h: 1, w: tokens, extra: Vec::new() };
    let mut plan = model.make_plan(gpu, &PlanKey { part, precision }, &[])?;
    let shape = Shape::new(n, 1, tokens, config.cross_attention_dim);
    plan.upload(gpu, "context", &shape.pad_channels(&case.io.f32("context")?))?;
    plan.run(gpu, &mut |_| true)?;
    let names: Vec<String> = plan.outputs().map(str::to_owned).collect();
    names.into_iter().map(|name| Ok((name.clone(), plan.read(gpu, &name)?))).collect()
}
