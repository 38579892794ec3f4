//! Task names and weights, for whichever family: the one place that knows what each of them makes of an instruction.

use super::{Conditioning, datprl, genlv, pip, tasks};
use crate::base::{DType, Error, Kind, Result, Shape, task};
use crate::gpu::Gpu;
use crate::image::{Picture, pad};
use crate::models::{Part, instruct_ipt};
use crate::run::plan::PlanKey;
use crate::run::{Model, diffusion};

/// A task with its weight.
pub type Share = (String, f32);

/// `derain`, or a blend such as `derain=0.7,denoise=0.3`, with aliases resolved.
pub fn parse(text: &str) -> Result<Vec<Share>> {
    text.split(',')
        .map(|entry| {
            let (name, value) = entry.split_once('=').unwrap_or((entry, "1"));
            let weight: f32 =
                value.trim().parse().ok().filter(|w: &f32| w.is_finite() && *w >= 0.0).ok_or_else(|| {
                    Error::new(Kind::Usage, format!("`{value}` is no weight for the task {name}"))
                        .advice("write a number such as 0.7")
                })?;
            Ok((task::find(name.trim())?.name.to_owned(), weight))
        })
        .collect()
}

/// Tasks a model can be told: adapters, classes, stored prompts, or what its metadata lists.
pub fn tasks(model: &Model) -> Vec<String> {
    if model.network().prompt_width() > 0 {
        return genlv::stored_tasks(model.dict());
    }
    match tasks::of(model) {
        Some(Ok(network)) => network.adapters().tasks.clone(),
        _ if model.network().family() == crate::models::pip::NAME => {
            let classes = pip::classes(model);
            (0..classes).map(|c| pip::class_name(classes, c)).collect()
        }
        _ => match diffusion::config_of(model) {
            Some(config) => config.told().unwrap_or_default().into_iter().map(|t| t.name).collect(),
            None => model.tasks(),
        },
    }
}

/// What the main plan of `model` needs to follow `shares`; empty shares are no instruction. `picture` is there when a
/// picture is restored and not when it is only planned; `budget` bounds the memory of what runs beside the main plan.
pub fn condition(
    model: &mut Model,
    gpu: &Gpu,
    precision: DType,
    shares: &[Share],
    picture: Option<&Picture>,
    budget: u64,
) -> Result<Conditioning> {
    let family = model.network().family();
    if model.network().prompt_width() > 0 {
        return prompted(model, shares);
    }
    if let Some(network) = tasks::of(model) {
        return adapted(model, gpu, precision, &network?, shares);
    }
    match family {
        crate::models::pip::NAME => classed(model, shares),
        crate::models::datprl::NAME if datprl::prompted(model) => {
            selected(model, gpu, precision, shares, picture, budget)
        }
        crate::models::diffusion_generalist::NAME => {
            Err(Error::new(Kind::Usage, "this checkpoint draws its answer from noise, step by step")
                .why("the answer may be a map, which no restored picture can hold")
                .advice("draw it: `vernis restore` does, and Engine::draw"))
        }
        _ => trained(model, shares),
    }
}

/// GenLV: one stored prompt.
fn prompted(model: &Model, shares: &[Share]) -> Result<Conditioning> {
    match shares {
        [(name, _)] => genlv::condition(model, &genlv::stored(model.dict(), name)?, format!("task {name}")),
        [] => Err(Error::new(Kind::Usage, format!("{} must be told its task", model.dict().name()))
            .why("it follows a task name or an example pair")
            .advice(format!(
                "use --task with one of {}, or --prompt-pair BEFORE AFTER",
                genlv::stored_tasks(model.dict()).join(", ")
            ))),
        _ => Err(Error::new(Kind::Usage, "a visual prompt shows one task").advice("name one task")),
    }
}

/// Instruct-IPT: low-rank biases, merged into the weights on the device.
fn adapted(
    model: &mut Model,
    gpu: &Gpu,
    precision: DType,
    network: &instruct_ipt::InstructIpt,
    shares: &[Share],
) -> Result<Conditioning> {
    let text: Vec<String> = shares.iter().map(|(n, w)| format!("{n}={w}")).collect();
    let names = &network.adapters().tasks;
    let weights = if text.is_empty() { vec![0.0; names.len()] } else { tasks::parse(&text.join(","), names)? };
    let part = model.network().parts().remove(0);
    let rest = network.select(&part).2.extra;
    let (conditioning, factors) = tasks::merged(network, &weights, &rest);
    let key = PlanKey { part: Part { extra: conditioning.extra.clone(), ..part }, precision };
    model.merge(gpu, &key, &factors)?;
    Ok(conditioning)
}

/// PIP: weights over its degradation classes.
fn classed(model: &Model, shares: &[Share]) -> Result<Conditioning> {
    let classes = pip::classes(model);
    let names: Vec<String> = (0..classes).map(|c| pip::class_name(classes, c)).collect();
    let mut blend = Vec::new();
    for (name, weight) in shares {
        let class = names.iter().position(|n| n == name).ok_or_else(|| {
            Error::new(Kind::Usage, format!("this PIP checkpoint has no class for {name}"))
                .why(format!("its classes are {}", names.join(", ")))
        })?;
        blend.push((class, *weight));
    }
    let weights = if blend.is_empty() { Vec::new() } else { pip::blend(classes, &blend)? };
    pip::condition(model, &weights, 1)
}

/// DATPRL-IR: chooses its prompts from the whole picture, once for all tiles.
fn selected(
    model: &mut Model,
    gpu: &Gpu,
    precision: DType,
    shares: &[Share],
    picture: Option<&Picture>,
    budget: u64,
) -> Result<Conditioning> {
    let mut conditioning = match picture {
        None => Conditioning { extra: vec![1], ..Conditioning::default() },
        Some(picture) => {
            let multiple = model.network().sizes().multiple;
            let (w, h) = (picture.width.next_multiple_of(multiple), picture.height.next_multiple_of(multiple));
            let size = |v: u32| v as usize;
            let rgb = model.colour().order(&picture.rgb);
            let rgb = pad::pad_reflect(&rgb, size(picture.width), size(picture.height), 3, size(w), size(h));
            let shape = Shape::new(1, h, w, 3);
            datprl::condition(model, gpu, precision, (&shape, &shape.pad_channels(&rgb)), 1, budget)?
        }
    };
    if !shares.is_empty() {
        conditioning.explain.push("the checkpoint chooses its task itself; the task name was not used".into());
    }
    Ok(conditioning)
}

/// Networks that do what they were trained for: a task name is checked against their metadata.
fn trained(model: &Model, shares: &[Share]) -> Result<Conditioning> {
    let known = model.tasks();
    if let Some((name, _)) = shares.iter().find(|(n, _)| !known.is_empty() && !known.contains(n)) {
        return Err(Error::new(Kind::Usage, format!("{} was not trained for {name}", model.dict().name()))
            .why(format!("it does {}", known.join(", ")))
            .advice("leave --model out to get weights that do, or leave --task out"));
    }
    let extra = model.network().parts().first().map_or(Vec::new(), |p| p.extra.clone());
    let explain = shares.iter().map(|(n, _)| format!("task {n}")).collect();
    Ok(Conditioning { extra, explain, ..Conditioning::default() })
}
