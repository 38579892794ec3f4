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

/// Every weight that `network` reads, with values of the suite's seed.
pub fn weights(network: &dyn Network, free: &Free<'_>, name: &str) -> Result<StateDict> {
    let nothing = StateDict::generated(GeneratedWeights { seed: SEED, tensors: Vec::new() }, name);
    let mut shapes = BTreeMap::new();
    for part in network.parts() {
        let mut b = Build::wanting(Graph::new(Target::core(), DType::F32), &nothing, free);
        network.build(&mut b, &part)?;
        shapes.extend(b.into_wanted());
    }
    let tensors = shapes.into_iter().map(|(name, shape)| {
        let rule = rule(&name, &shape);
        GeneratedTensor { name, shape: shape.iter().map(|d| *d as usize).collect(), rule }
    });
    Ok(StateDict::generated(GeneratedWeights { seed: SEED, tensors: tensors.collect() }, name))
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
            around(0.0, (3.0 / f64::from(fan_in.max(1))).sqrt())
        }
    }
}

/// `count` values in 0..1 that depend on nothing but `name`.
pub fn values(name: &str, count: usize) -> Vec<f32> {
    let mut out = vec![0.0; count];
    fill_uniform(start_state(name, SEED), 0, 0.0, 1.0, &mut out);
    out
}
