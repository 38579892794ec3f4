//! Task weights of a network with adapters: turned into factors, merged or fused.

use std::collections::BTreeMap;

use super::shares::{self, Share};
use super::{Conditioning, told};
use crate::base::{DType, Error, Kind, Result};
use crate::checkpoint::names::nearest;
use crate::gpu::Gpu;
use crate::models::instruct_ipt::{InstructIpt, Way};
use crate::models::{Network as _, Part};
use crate::run::plan::PlanKey;
use crate::run::{Model, ways};

/// The adapters of a model's network, if its family is the one that has them.
pub fn of(model: &Model) -> Option<Result<InstructIpt>> {
    let network = model.network();
    (network.family() == crate::models::instruct_ipt::NAME).then(|| InstructIpt::parse(&network.config(), model.dict()))
}

/// `derain`, or a blend such as `derain=0.7,denoise=0.3`: a weight for each of `tasks`.
pub fn parse(text: &str, tasks: &[String]) -> Result<Vec<f32>> {
    weights(&shares::parse(text)?, tasks)
}

/// A weight for each of `tasks`; 0 for those that are not among the shares.
pub fn weights(shares: &[Share], tasks: &[String]) -> Result<Vec<f32>> {
    let mut weights = vec![0.0; tasks.len()];
    for (name, weight) in shares {
        let Some(task) = tasks.iter().position(|t| t == name) else {
            let near = nearest(name, tasks.iter().map(String::as_str));
            let hint = near.first().map_or(String::new(), |n| format!("did you mean {n}? "));
            return Err(Error::new(Kind::Usage, format!("the checkpoint has no task '{name}'"))
                .advice(format!("{hint}its tasks are {}", tasks.join(", "))));
        };
        weights[task] = *weight;
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

/// One set of weights for all images, to be merged on the device.
pub fn merged(network: &InstructIpt, weights: &[f32], rest: &[u32]) -> Conditioning {
    let active = every(network);
    Conditioning {
        extra: network.extra(Way::Merged, &active, rest),
        factors: network.adapters().factors(&active, weights),
        explain: vec![explain(&network.adapters().tasks, weights)],
        ..Conditioning::default()
    }
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
        ..Conditioning::default()
    }
}

/// The tasks that any of the images asks for.
pub fn wanted(images: &[Vec<f32>]) -> Vec<usize> {
    let tasks = images.iter().map(Vec::len).max().unwrap_or(0);
    (0..tasks).filter(|t| images.iter().any(|w| w.get(*t).is_some_and(|w| *w != 0.0))).collect()
}

/// The conditions of one picture under `shares` (none: the carrier alone), in the way that costs less; see
/// [`crate::run::ways`]. What is only planned (`counts` is false) goes the way that it would go, and costs nothing yet.
pub fn condition(
    model: &mut Model,
    gpu: &Gpu,
    precision: DType,
    network: &InstructIpt,
    shares: &[Share],
    pixels: u64,
    counts: bool,
) -> Result<Conditioning> {
    let (head, shares) = told::head(model, shares)?;
    let rest: Vec<u32> = head.into_iter().collect();
    let weights = weights(&shares, &network.adapters().tasks)?;
    let merged = merged(network, &weights, &rest);
    if weights.iter().all(|w| *w == 0.0) {
        return Ok(merged);
    }
    let fused = fused(network, std::slice::from_ref(&weights), None, &rest);
    let costs = match model.adapting.costs {
        Some(costs) => costs,
        None => {
            let least = network.parts().remove(0);
            let key = |c: &Conditioning| PlanKey { part: Part { extra: c.extra.clone(), ..least.clone() }, precision };
            *model.adapting.costs.insert(ways::costs(model, gpu, &key(&merged), &key(&fused))?)
        }
    };
    let mut adapting = model.adapting.clone();
    let way = adapting.choose(&weights, pixels, costs);
    if counts {
        model.adapting = adapting;
    }
    let (mut condition, reason) = match way {
        Way::Fused => (fused, "beside the network: cheaper than a merge for what these weights have been used for"),
        _ => (merged, "merged into the network"),
    };
    condition.explain.push(format!("adapters: {reason}"));
    Ok(condition)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_read_from_text() {
        let tasks: Vec<String> = ["denoise", "derain"].map(String::from).into();
        assert_eq!(parse("derain", &tasks).unwrap(), [0.0, 1.0]);
        assert_eq!(parse("derain=0.7, denoise=0.3", &tasks).unwrap(), [0.3, 0.7]);
        assert!(parse("derian", &tasks).unwrap_err().to_string().contains("did you mean derain"));
        assert_eq!(wanted(&[vec![0.0, 1.0, 0.0], vec![0.5, 0.0, 0.0]]), [0, 1]);
    }
}
