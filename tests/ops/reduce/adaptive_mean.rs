use vernis::ops::reduce::adaptive_mean::AdaptiveMean;

use crate::reference::reduce::adaptive_mean::adaptive_mean;
use crate::support::case::{Case, Input};
use crate::support::compare::Tolerance;

fn case(name: &str, h: u32, w: u32, input: Input) -> Case {
    Case::new(name, AdaptiveMean { h, w }, vec![input], Tolerance::Sum, move |g| {
        adaptive_mean(&g.inputs[0], h as usize, w as usize)
    })
}

pub fn cases() -> Vec<Case> {
    vec![
        case("bins that divide", 4, 4, Input::new(2, 8, 16, &[6])),
        case("bins that overlap", 8, 8, Input::new(1, 50, 70, &[5])),
        case("more bins than pixels", 4, 8, Input::new(1, 3, 5, &[4])),
        case("one bin", 1, 1, Input::new(2, 13, 11, &[7])),
        case("one pixel", 2, 2, Input::new(1, 1, 1, &[1])),
        case("more quads than a workgroup", 2, 3, Input::new(2, 7, 5, &[30, 7])),
        case("two segments", 2, 3, Input::new(1, 9, 9, &[3, 6])),
    ]
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &[crate::support::gpu::native()]);
}
