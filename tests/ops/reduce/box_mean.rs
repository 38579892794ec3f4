use vernis::ops::Storage;
use vernis::ops::reduce::box_mean::BoxMean;

use crate::reference::reduce::box_mean::box_mean;
use crate::support::case::{Case, Input};
use crate::support::compare::Tolerance;

fn case(name: &str, size: u32, vertical: bool, storage: Storage, input: Input) -> Case {
    let half = if storage == Storage::F32 { Tolerance::Sum } else { Tolerance::Half };
    Case::new(name, BoxMean { size, vertical, storage }, vec![input], Tolerance::Sum, move |g| {
        box_mean(&g.inputs[0], size as usize, vertical)
    })
    .half(half)
}

pub fn cases() -> Vec<Case> {
    use Storage::{Activation, F32};
    let x = || Input::new(2, 9, 13, &[5]);
    vec![
        case("odd box along x", 5, false, F32, x()),
        case("even box along x", 4, false, Activation, x()),
        case("odd box along y", 3, true, Activation, x().f32()),
        case("even box along y", 6, true, F32, x()),
        case("box of one", 1, false, Activation, x()),
        case("box as wide as the picture", 13, false, Activation, x()),
        case("box as high as the picture", 9, true, Activation, x()),
        case("all but one pixel", 12, false, F32, x()),
        case("one pixel", 1, true, Activation, Input::new(1, 1, 1, &[1])),
        case("one row", 3, false, F32, Input::new(1, 1, 70, &[127, 3])),
        both_axes(),
    ]
}

/// TLC's pool: both axes, the sums in between in f32.
fn both_axes() -> Case {
    let build = |g: &mut vernis::graph::Graph, x: &[vernis::kernel::TensorId], _: &[vernis::kernel::ParamId]| {
        let t = g.add("x", BoxMean { size: 4, vertical: false, storage: Storage::F32 }, x, &[])?;
        g.add("y", BoxMean { size: 3, vertical: true, storage: Storage::Activation }, &[t], &[])
    };
    Case::chain("both axes", vec![Input::new(1, 8, 11, &[6])], Tolerance::Sum, build, |g| {
        box_mean(&box_mean(&g.inputs[0], 4, false), 3, true)
    })
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &[crate::support::gpu::native()]);
}
