//! Fused networks compute what the unfused ones do, on every contraction family, and stay inside their tensors.

use vernis::base::DType;

use crate::support::compare::{Tolerance, compare, rel_l2};
use crate::support::distances::HALVES;
use crate::support::gpu::{Family, contractions, plain};
use crate::support::nets::{self, Net, inputs, nchw};
use crate::support::run::guarded;

fn outputs(net: &Net, family: &Family, precision: DType, fuse: bool) -> ([u32; 4], Vec<f32>) {
    let graph = match fuse {
        true => net.fused(&family.target, precision, &net.part, &[]),
        false => net.plain(&family.target, precision, &net.part, &[]),
    };
    let memory = guarded(family.gpu, &graph, &net.dict, &inputs(&graph, 3))
        .unwrap_or_else(|e| panic!("{} {} on {}: {e}", net.family, precision.name(), family.name));
    nchw(&graph, 0, &memory[0])
}

#[test]
fn fused_networks_equal_unfused_ones() {
    for net in nets::all() {
        let families = contractions();
        let (shape, expected) = outputs(&net, &families[0], DType::F32, false);
        for family in families.iter().chain([&plain()]) {
            let (got_shape, got) = outputs(&net, family, DType::F32, true);
            compare(Tolerance::Model, (&got_shape, &got), (&shape, &expected))
                .unwrap_or_else(|e| panic!("{} fused on {}: {e}", net.family, family.name));
        }
    }
}

#[test]
fn half_storage_stays_near() {
    for net in nets::all() {
        let family = contractions().pop().unwrap();
        let (_, expected) = outputs(&net, &family, DType::F32, true);
        let (_, got) = outputs(&net, &family, DType::F16, true);
        let error = rel_l2(&got, &expected);
        // Some hundred roundings of 2^-12 each; equality would mean that f16 was never used.
        assert!(error < HALVES && error > 1e-6, "{}: {error:e}", net.family);
    }
}
