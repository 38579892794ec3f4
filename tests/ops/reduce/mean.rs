use vernis::ops::Storage;
use vernis::ops::reduce::mean::Mean;

use crate::reference::reduce::mean::mean;
use crate::support::case::{Case, Input};
use crate::support::compare::Tolerance;

fn case(name: &str, chunks: u32, factor: f32, storage: Storage, input: Input) -> Case {
    let half = if storage == Storage::F32 { Tolerance::Sum } else { Tolerance::Half };
    Case::new(name, Mean { chunks, factor, storage }, vec![input], Tolerance::Sum, move |g| {
        mean(&g.inputs[0], chunks as usize, f64::from(factor))
    })
    .half(half)
}

pub fn cases() -> Vec<Case> {
    use Storage::{Activation, F32};
    vec![
        case("whole picture", 1, 1.0 / 35.0, Activation, Input::new(2, 5, 7, &[7]).range(0.0, 1.0)),
        case("one pixel", 1, 1.0, Activation, Input::new(1, 1, 1, &[1])),
        case("chunk sums", 3, 1.0, F32, Input::new(2, 10, 10, &[6])),
        case("more quads than a workgroup", 3, 1.0, F32, Input::new(2, 10, 7, &[30, 7])),
        case("second pass", 1, 1.0 / 300.0, Activation, Input::new(2, 1, 3, &[6]).f32().range(0.0, 90.0)),
        case("more chunks than pixels", 5, 1.0, F32, Input::new(1, 1, 3, &[4])),
        case("a last chunk that is empty", 4, 0.5, F32, Input::new(1, 3, 3, &[4])),
        // Equal values round in one direction, so that a long sum drifts.
        case("a flat area", 1, 1.0 / 16_384.0, Activation, Input::new(1, 128, 128, &[4]).range(0.3, 0.3)),
        case("more workgroups than an axis holds", 66_000, 1.0, F32, Input::new(1, 1, 132_000, &[4])).large(),
        two_passes(),
    ]
}

/// A global mean as the networks do it.
fn two_passes() -> Case {
    let input = Input::new(2, 33, 31, &[9]).range(0.0, 1.0);
    let build = |g: &mut vernis::graph::Graph, x: &[vernis::kernel::TensorId], _: &[vernis::kernel::ParamId]| {
        let sums = g.add("sums", Mean { chunks: 7, factor: 1.0, storage: Storage::F32 }, x, &[])?;
        let last = Mean { chunks: 1, factor: 1.0 / (33.0 * 31.0), storage: Storage::Activation };
        g.add("mean", last, &[sums], &[])
    };
    let whole = 1.0 / (33.0 * 31.0);
    Case::chain("two passes", vec![input], Tolerance::Sum, build, move |g| mean(&g.inputs[0], 1, whole))
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &crate::support::gpu::contractions());
}
