//! Task weights of a network with adapters: parsed from text, turned into factors, merged or fused.

use std::collections::BTreeMap;

use super::Conditioning;
use crate::base::{Error, Kind, Result};
use crate::checkpoint::names::nearest;
use crate::models::instruct_ipt::{InstructIpt, Way};
use crate::run::Model;

/// The adapters of a model's network, if its family is the one that has them.
pub fn of(model: &Model) -> Option<Result<InstructIpt>> {
    let network = model.network();
    (network.family() == crate::models::instruct_ipt::NAME).then(|| InstructIpt::parse(&network.config(), model.dict()))
}

/// `derain`, or a blend such as `derain=0.7,denoise=0.3`: a weight for each of `tasks`.
pub fn parse(text: &str, tasks: &[String]) -> Result<Vec<f32>> {
    let bad = |what: String| Error::new(Kind::Usage, what);
    let mut weights = vec![0.0; tasks.len()];
    let mut seen = vec![false; tasks.len()];
    for entry in text.split(',').map(str::trim) {
        let (name, value) = match entry.split_once('=') {
            Some((name, value)) => (name.trim(), value.trim()),
            None => (entry, "1"),
        };
        let Some(task) = tasks.iter().position(|t| t == name) else {
            let near = nearest(name, tasks.iter().map(String::as_str));
            let hint = near.first().map_or(String::new(), |n| format!("did you mean {n}? "));
            return Err(bad(format!("the checkpoint has no task '{name}'"))
                .advice(format!("{hint}its tasks are {}", tasks.join(", "))));
        };
        let weight: f32 = value.parse().ok().filter(|w: &f32| w.is_finite() && w.abs() <= 16.0).ok_or_else(|| {
            bad(format!("'{value}' is no weight for the task {name}")).advice("write a number such as 0.7")
        })?;
        if std::mem::replace(&mut seen[task], true) {
            return Err(bad(format!("the task {name} is given twice")));
        }
        weights[task] = weight;
    }
    Ok(weights)
}

fn explain(tasks: &[String], weights: &[f32]) -> String {
    let named = tasks.iter().zip(weights).filter(|(_, w)| **w != 0.0);
    let list: Vec<String> = named.map(|(t, w)| format!("{t} {w}")).collect();
    if list.is_empty() { "no task: the network without adapters".into() } else { format!("tasks: {}", list.join(", ")) }
}

fn every(network: &InstructIpt) -> Vec<usize> {
    (0..network.adapters().tasks.len()).collect()
}

/// One set of weights for all images, merged on the device: the plan's `extra`, and the factors for `Model::merge`.
pub fn merged(network: &InstructIpt, weights: &[f32], rest: &[u32]) -> (Conditioning, BTreeMap<String, Vec<f32>>) {
    let active = every(network);
    let conditioning = Conditioning {
        extra: network.extra(Way::Merged, &active, rest),
        inputs: Vec::new(),
        explain: vec![explain(&network.adapters().tasks, weights)],
    };
    (conditioning, network.adapters().factors(&active, weights))
}

/// Weights of its own for each image. The plan is made for the tasks in `active` (all when `None`): fewer cost less,
/// all never need another plan.
pub fn fused(network: &InstructIpt, images: &[Vec<f32>], active: Option<Vec<usize>>, rest: &[u32]) -> Conditioning {
    let tasks = &network.adapters().tasks;
    let active = active.unwrap_or_else(|| every(network));
    let mut inputs: BTreeMap<String, Vec<f32>> = BTreeMap::new();
    for weights in images {
        for (name, mut values) in network.adapters().factors(&active, weights) {
            values.resize(values.len().next_multiple_of(4), 0.0);
            inputs.entry(name).or_default().extend(values);
        }
    }
    Conditioning {
        extra: network.extra(Way::Fused, &active, rest),
        inputs: inputs.into_iter().collect(),
        explain: images.iter().map(|w| explain(tasks, w)).collect(),
    }
}

/// The tasks that any of the images asks for.
pub fn wanted(images: &[Vec<f32>]) -> Vec<usize> {
    let tasks = images.iter().map(Vec::len).max().unwrap_or(0);
    (0..tasks).filter(|t| images.iter().any(|w| w.get(*t).is_some_and(|w| *w != 0.0))).collect()
}

/// The cheaper way. A merge costs `merge` floating-point operations each time the weights change, the fused kernels
/// `beside` more for each image; `images` share their weights before they change. Images of one batch that differ can
/// only be fused.
pub fn choose(batch_differs: bool, images: u32, merge: u64, beside: u64) -> Way {
    if batch_differs || u64::from(images) * beside < merge { Way::Fused } else { Way::Merged }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_read_from_text() {
        let tasks: Vec<String> = ["denoise", "derain"].map(String::from).into();
        assert_eq!(parse("derain", &tasks).unwrap(), [0.0, 1.0]);
        assert_eq!(parse("derain=0.7, denoise=0.3", &tasks).unwrap(), [0.3, 0.7]);
        for (text, part) in [
            ("derian", "did you mean derain"),
            ("derain=x", "no weight"),
            ("derain,derain=1", "twice"),
            ("", "no task"),
        ] {
            assert!(parse(text, &tasks).unwrap_err().to_string().contains(part), "{text}");
        }
    }

    #[test]
    fn the_cheaper_way_is_chosen() {
        assert_eq!(choose(true, 1000, 1, 1000), Way::Fused);
        assert_eq!(choose(false, 1, 100, 10), Way::Fused);
        assert_eq!(choose(false, 1, 100, 1000), Way::Merged);
        assert_eq!(wanted(&[vec![0.0, 1.0, 0.0], vec![0.5, 0.0, 0.0]]), [0, 1]);
    }
}
