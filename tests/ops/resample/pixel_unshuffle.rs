use vernis::ops::resample::pixel_unshuffle::PixelUnshuffle;

use crate::reference::resample::pixel_unshuffle::pixel_unshuffle;
use crate::support::case::{Case, Input};
use crate::support::compare::Tolerance;

fn case(name: &str, input: Input) -> Case {
    Case::new(name, PixelUnshuffle, vec![input], Tolerance::Exact, |g| pixel_unshuffle(&g.inputs[0]))
}

pub fn cases() -> Vec<Case> {
    vec![
        case("one channel", Input::new(2, 6, 10, &[1])),
        case("three channels", Input::new(1, 10, 6, &[3])),
        case("five channels", Input::new(2, 4, 14, &[5])),
        case("one block", Input::new(1, 2, 2, &[4])),
        case("wide", Input::new(1, 4, 6, &[48])),
    ]
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &[crate::support::gpu::native()]);
}
