//! Task names and weights, for whichever family: the one place that knows what each of them makes of an instruction.

pub use super::shares::{Share, parse};
use super::{Conditioning, datprl, genlv, pip, sensor, tasks};
use crate::base::{DType, Error, Kind, Result, Shape, task};
use crate::checkpoint::names::nearest;
use crate::gpu::Gpu;
use crate::image::{Picture, pad};
use crate::models::{clip_text, convnext, ldm_unet};
use crate::run::{Model, diffusion};

/// Tasks a model can be told: adapters, classes, heads, stored prompts, or what its metadata lists.
pub fn tasks(model: &Model) -> Vec<String> {
    if model.network().prompt_width() > 0 {
        return genlv::stored_tasks(model.dict());
    }
    let heads = model.heads();
    match tasks::of(model) {
        Some(Ok(network)) => [heads, network.adapters().tasks.clone()].concat(),
        _ if model.network().family() == crate::models::pip::NAME => {
            let classes = pip::classes(model);
            (0..classes).map(|c| pip::class_name(classes, c)).collect()
        }
        _ if !heads.is_empty() => heads,
        _ => match diffusion::config_of(model) {
            Some(config) => config.told().unwrap_or_default().into_iter().map(|t| t.name).collect(),
            None => model.tasks(),
        },
    }
}

/// Whether several tasks can be mixed by weights.
pub fn blends(model: &Model) -> bool {
    [crate::models::instruct_ipt::NAME, crate::models::pip::NAME].contains(&model.network().family())
        && tasks(model).len() > 1
}

/// Whether a model finds out for itself what to do, whatever it is told.
pub fn chooses(model: &Model) -> bool {
    model.network().family() == crate::models::datprl::NAME && datprl::prompted(model)
}

/// The instructions a model follows, in words.
pub fn follows(model: &Model) -> String {
    let names = tasks(model);
    let list = names.join(", ");
    match model.network().family() {
        _ if chooses(model) => "no instruction: it chooses its prompts itself".into(),
        _ if names.is_empty() => "no instruction: it does what it was trained for".into(),
        crate::models::pip::NAME if sensor::present(model) => {
            format!("a task name or a blend of {list}; told nothing, it looks for itself")
        }
        _ if blends(model) => format!("a task name or a blend of {list}"),
        _ => format!("a task name ({list})"),
    }
}

/// The model's own names for what was asked: its names as they are, then the names and aliases of the task table.
fn resolve(model: &Model, shares: &[Share]) -> Result<Vec<Share>> {
    let known = tasks(model);
    let one = |(name, weight): &Share| {
        if known.contains(name) {
            return Ok((name.clone(), *weight));
        }
        match task::find(name) {
            Ok(task) => Ok((task.name.to_owned(), *weight)),
            Err(e) if known.is_empty() => Err(e),
            Err(_) => {
                let near = nearest(name, known.iter().map(String::as_str));
                let hint = near.first().map_or(String::new(), |n| format!("did you mean {n}? "));
                Err(Error::new(Kind::Usage, format!("{} has no task {name}", model.dict().name()))
                    .advice(format!("{hint}its tasks are {}", known.join(", "))))
            }
        }
    };
    shares.iter().map(one).collect()
}

/// The head that the shares name, and the shares that are left: `None` where the network has one head. Heads exclude
/// each other, so that exactly one must be named.
pub fn head(model: &Model, shares: &[Share]) -> Result<(Option<u32>, Vec<Share>)> {
    let heads = model.heads();
    if heads.is_empty() {
        return Ok((None, shares.to_vec()));
    }
    let (named, rest): (Vec<Share>, Vec<Share>) = shares.iter().cloned().partition(|(n, _)| heads.contains(n));
    let index = |name: &str| heads.iter().position(|h| h == name).map(|i| i as u32);
    match &named[..] {
        [(name, weight)] if *weight == 1.0 => Ok((index(name), rest)),
        [_] => Err(Error::new(Kind::Usage, "a head works whole or not at all").advice("name it without a weight")),
        named => {
            let got =
                if named.is_empty() { "none was named".to_owned() } else { format!("{} were named", named.len()) };
            Err(Error::new(Kind::Usage, format!("{} must be told which of its heads to use", model.dict().name()))
                .why(format!("it has {}; {got}", heads.join(", ")))
                .advice("name one with --task"))
        }
    }
}

/// A picture and the multiples that it is reflected to before the network sees it.
pub type View<'p> = (&'p Picture, u32);

/// What the main plan of `model` needs to follow `shares`; empty shares are no instruction. `view` is there when a
/// picture is restored and not when it is only planned for one of `pixels`; `budget` bounds the memory of what runs beside the main plan.
pub fn condition(
    model: &mut Model,
    gpu: &Gpu,
    precision: DType,
    shares: &[Share],
    view: Option<View<'_>>,
    pixels: u64,
    budget: u64,
) -> Result<Conditioning> {
    let family = model.network().family();
    refuse_parts(model)?;
    let shares = &resolve(model, shares)?[..];
    let weighted = family == crate::models::pip::NAME || tasks::of(model).is_some();
    if let ([(name, weight)], false) = (shares, weighted)
        && *weight != 1.0
    {
        return Err(Error::new(Kind::Usage, format!("a weight of {weight} for the task {name}"))
            .why(format!("{} does a task whole or not at all", model.dict().name()))
            .advice("leave the weight out; --strength mixes the result with the picture"));
    }
    if model.network().prompt_width() > 0 {
        return prompted(model, shares);
    }
    if let Some(network) = tasks::of(model) {
        return tasks::condition(model, gpu, precision, &network?, shares, pixels, view.is_some());
    }
    match family {
        crate::models::pip::NAME => classed(model, gpu, precision, shares, view),
        crate::models::datprl::NAME if datprl::prompted(model) => selected(model, gpu, precision, shares, view, budget),
        crate::models::diffusion_generalist::NAME => {
            Err(Error::new(Kind::Usage, "this checkpoint draws its answer from noise, step by step")
                .why("the answer may be a map, which no restored picture can hold")
                .advice("draw it: `vernis restore` does, and Engine::draw"))
        }
        _ => trained(model, shares),
    }
}

/// No picture goes through one part of a diffusion generalist alone, with task adapters or without.
fn refuse_parts(model: &Model) -> Result<()> {
    let config = model.network().config();
    let family = config["carrier"].as_str().unwrap_or(model.network().family());
    if [ldm_unet::NAME, clip_text::NAME, convnext::NAME].contains(&family) {
        return Err(Error::new(Kind::Usage, format!("{} restores no pictures", model.dict().name()))
            .why(format!("it is a {family}, one part of a diffusion generalist"))
            .advice("use a checkpoint of a whole model"));
    }
    Ok(())
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

/// PIP: weights over its degradation classes, told or seen in the picture.
fn classed(
    model: &mut Model,
    gpu: &Gpu,
    precision: DType,
    shares: &[Share],
    view: Option<View<'_>>,
) -> Result<Conditioning> {
    let classes = pip::classes(model);
    let names: Vec<String> = (0..classes).map(|c| pip::class_name(classes, c)).collect();
    if shares.is_empty() && sensor::present(model) {
        let Some((picture, _)) = view else {
            // Any weights give the same plan.
            let mut condition = pip::condition(model, &vec![1.0 / classes as f32; classes], 1)?;
            condition.explain = vec!["degradation: seen in the picture when it is restored".into()];
            return Ok(condition);
        };
        let weights = sensor::look(model, gpu, precision, picture)?;
        return pip::condition(model, &weights, 1);
    }
    if shares.is_empty() {
        return Err(Error::new(Kind::Usage, format!("{} must be told its task", model.dict().name()))
            .why("its prompts are weighted by the kind of damage, and the file has no classifier that could tell it")
            .advice(format!(
                "use --task with one of {}, or a blend such as {}=0.5,{}=0.5",
                names.join(", "),
                names[0],
                names[names.len() - 1]
            )));
    }
    let mut blend = Vec::new();
    for (name, weight) in shares {
        let class = names.iter().position(|n| n == name).ok_or_else(|| {
            Error::new(Kind::Usage, format!("this PIP checkpoint has no class for {name}"))
                .why(format!("its classes are {}", names.join(", ")))
        })?;
        blend.push((class, *weight));
    }
    pip::condition(model, &pip::blend(classes, &blend)?, 1)
}

/// DATPRL-IR: chooses its prompts from the whole picture, once for all tiles.
fn selected(
    model: &mut Model,
    gpu: &Gpu,
    precision: DType,
    shares: &[Share],
    view: Option<View<'_>>,
    budget: u64,
) -> Result<Conditioning> {
    let mut conditioning = match view {
        None => Conditioning { extra: vec![1], ..Conditioning::default() },
        Some((picture, multiple)) => {
            let (w, h) = (picture.width.next_multiple_of(multiple), picture.height.next_multiple_of(multiple));
            let size = |v: u32| v as usize;
            let rgb = model.colour().order(&picture.rgb);
            let rgb = pad::pad_reflect(&rgb, size(picture.width), size(picture.height), 3, size(w), size(h));
            let shape = Shape::new(1, h, w, 3);
            datprl::condition(model, gpu, precision, (&shape, &shape.pad_channels(&rgb)), 1, budget)?
        }
    };
    if !shares.is_empty() {
        let names: Vec<&str> = shares.iter().map(|(n, _)| n.as_str()).collect();
        conditioning
            .unheard
            .push(format!("the checkpoint chooses its prompts itself; {} was not used", names.join(", ")));
    }
    Ok(conditioning)
}

/// Networks that do what they were trained for, through one head or the one that is named: a task name is checked
/// against the heads and the metadata.
fn trained(model: &Model, shares: &[Share]) -> Result<Conditioning> {
    let (head, left) = head(model, shares)?;
    let known = if head.is_some() { model.heads() } else { model.tasks() };
    if let Some((name, _)) = left.iter().find(|(n, _)| !known.is_empty() && !known.contains(n)) {
        return Err(Error::new(Kind::Usage, format!("{} was not trained for {name}", model.dict().name()))
            .why(format!("it does {}", known.join(", ")))
            .advice("leave --model out to get weights that do, or leave --task out"));
    }
    if shares.len() > 1 {
        return Err(Error::new(Kind::Usage, format!("{} blends no tasks", model.dict().name()))
            .why(format!("it is a {} checkpoint; it follows {}", model.network().family(), follows(model)))
            .advice("name one task or none; Instruct-IPT and PIP checkpoints blend"));
    }
    let extra = match head {
        Some(head) => vec![head],
        None => model.network().parts().first().map_or(Vec::new(), |p| p.extra.clone()),
    };
    let unsure = if known.is_empty() { "; the file does not say what it was trained for" } else { "" };
    let explain = shares.iter().map(|(n, _)| format!("task {n}{unsure}")).collect();
    Ok(Conditioning { extra, explain, ..Conditioning::default() })
}
