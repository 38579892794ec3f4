use vernis::ops::norm::group_moments::GroupMoments;

use crate::reference::norm::group_moments::group_moments;
use crate::support::case::{Case, Input};
use crate::support::compare::Tolerance;

fn case(name: &str, chunks: u32, input: Input) -> Case {
    Case::new(name, GroupMoments { chunks }, vec![input], Tolerance::Sum, move |g| {
        group_moments(&g.inputs[0], chunks as usize)
    })
    // Stored in f32 from f16 inputs that the reference sees too.
    .half(Tolerance::Sum)
}

pub fn cases() -> Vec<Case> {
    vec![
        case("whole quads", 1, Input::new(2, 5, 7, &[48])),
        case("odd channels, chunks of unequal size", 4, Input::new(2, 5, 7, &[7])),
        case("two segments", 3, Input::new(1, 9, 8, &[6, 10])),
        case("more chunks than pixels", 8, Input::new(1, 1, 3, &[4])),
        case("one pixel, one channel", 1, Input::new(1, 1, 1, &[1])),
        case("a mean far from zero", 2, Input::new(1, 16, 16, &[8]).range(100.0, 101.0)),
    ]
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &[crate::support::gpu::native()]);
}
