use vernis::ops::norm::group_stats::GroupStats;

use crate::reference::norm::group_stats::group_stats;
use crate::support::case::{Case, Input};
use crate::support::compare::Tolerance;

/// Moments of `chunks` chunks; squares are positive, as sums of squares are.
fn case(name: &str, groups: u32, eps: f32, pixels: u32, chunks: u32, segments: &[u32]) -> Case {
    let input = Input::new(2, chunks, 2, segments).f32().range(0.5, 1.5);
    Case::new(name, GroupStats { groups, eps, pixels }, vec![input], Tolerance::Sum, move |g| {
        group_stats(&g.inputs[0], groups as usize, pixels as usize, f64::from(eps))
    })
    .half(Tolerance::Sum)
}

pub fn cases() -> Vec<Case> {
    vec![
        case("groups of ten channels", 32, 1e-5, 64, 1, &[320]),
        case("groups of one channel", 8, 1e-6, 35, 4, &[8]),
        case("groups across two segments", 4, 1e-5, 20, 3, &[6, 10]),
        case("groups across two whole segments", 4, 1e-5, 20, 2, &[8, 4]),
        case("one group of odd channels", 1, 1e-5, 9, 2, &[7]),
        case("chunks without pixels", 2, 1e-5, 3, 8, &[4]),
        case("a large eps", 3, 2.0, 16, 1, &[9]),
    ]
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &[crate::support::gpu::native()]);
}
