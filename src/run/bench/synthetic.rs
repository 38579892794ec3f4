//! Weights of the true shapes and harmless values, so that a benchmark needs no download and no licence. The list of
//! weights is asked of the network itself.

use std::collections::BTreeMap;

use crate::base::{DType, Result};
use crate::checkpoint::generate::{GeneratedTensor, Rule, fill_uniform, start_state};
use crate::checkpoint::{GeneratedWeights, StateDict};
use crate::graph::Graph;
use crate::kernel::Target;
use crate::models::Network;
use crate::nn::Build;
use crate::nn::wanted::Free;

/// The seed of suite v1.
pub const SEED: u64 = 20_260_101;

/// A checkpoint without weights.
pub fn nothing(name: &str) -> StateDict {
    dict(Vec::new(), name)
}

/// A checkpoint of made values.
pub fn dict(tensors: Vec<GeneratedTensor>, name: &str) -> StateDict {
    StateDict::generated(GeneratedWeights { seed: SEED, tensors }, name)
}

/// Every weight that `network` reads, with values of the suite's seed.
pub fn tensors(network: &dyn Network, free: &Free<'_>) -> Result<Vec<GeneratedTensor>> {
    let nothing = nothing(network.family());
    let mut shapes = BTreeMap::new();
    for part in network.parts() {
        let mut b = Build::wanting(Graph::new(Target::core(), DType::F32), &nothing, free);
        network.build(&mut b, &part)?;
        shapes.extend(b.into_wanted());
    }
    Ok(shapes.into_iter().map(|(name, shape)| tensor(name, &shape)).collect())
}

fn tensor(name: String, shape: &[u32]) -> GeneratedTensor {
    let rule = rule(&name, shape);
    GeneratedTensor { name, shape: shape.iter().map(|d| *d as usize).collect(), rule }
}

/// Low-rank weights of `tasks` for the dense convolutions among `tensors`, and deltas for the depthwise ones.
pub fn low_rank(tensors: &[GeneratedTensor], tasks: &[&str], rank: u32) -> Vec<GeneratedTensor> {
    let mut out = Vec::new();
    for t in tensors {
        let shape: Vec<u32> = t.shape.iter().map(|d| *d as u32).collect();
        let (Some(module), &[to, from, height, width]) = (t.name.strip_suffix(".weight"), &shape[..]) else { continue };
        for task in tasks {
            if from == 1 {
                out.push(tensor(format!("{module}.delta.{task}.weight"), &shape));
            } else {
                out.push(tensor(format!("{module}.lora_A.{task}.weight"), &[rank, from, height, width]));
                out.push(tensor(format!("{module}.lora_B.{task}.weight"), &[to, rank, 1, 1]));
            }
        }
    }
    out
}

/// Ranges that keep activations near 1 through any depth: factors near 1, matrices of variance 1 / fan-in, and residual
/// branches that add a little.
fn rule(key: &str, shape: &[u32]) -> Rule {
    let last = key.rsplit('.').next().unwrap_or(key);
    let around = |middle: f64, by: f64| Rule::Uniform { lo: middle - by, hi: middle + by };
    match (last, shape) {
        ("temperature", _) | ("weight", [_]) => around(1.0, 0.1),
        ("beta" | "gamma", _) => around(0.2, 0.1),
        ("bias", _) => around(0.0, 0.02),
        ("rel_height" | "rel_width", _) => around(0.0, 0.2),
        _ => {
            let fan_in: u32 = shape.iter().skip(1).product();
            // IPT's heads read 0..=255, and its decoder attends to what no norm has tamed: with variance 1 its softmax
            // would make large differences of rounding errors.
            let size = if key.starts_with("head.") { 0.01 } else { 1.0 };
            around(0.0, size * (3.0 / f64::from(fan_in.max(1))).sqrt())
        }
    }
}

/// `count` values in 0..1 that depend on nothing but `name`.
pub fn values(name: &str, count: usize) -> Vec<f32> {
    let mut out = vec![0.0; count];
    fill_uniform(start_state(name, SEED), 0, 0.0, 1.0, &mut out);
    out
}
