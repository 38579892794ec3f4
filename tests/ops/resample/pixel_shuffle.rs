use vernis::ops::resample::pixel_shuffle::PixelShuffle;

use crate::reference::resample::pixel_shuffle::pixel_shuffle;
use crate::support::case::{Case, Input};
use crate::support::compare::Tolerance;

fn case(name: &str, input: Input) -> Case {
    let shuffle = PixelShuffle::default();
    Case::new(name, shuffle, vec![input], Tolerance::Exact, |g| pixel_shuffle(&g.inputs[0], None))
}

fn with_residual(name: &str, input: Input, residual: Input) -> Case {
    let shuffle = PixelShuffle { residual: true };
    Case::new(name, shuffle, vec![input, residual], Tolerance::Near, |g| {
        pixel_shuffle(&g.inputs[0], Some(&g.inputs[1]))
    })
}

pub fn cases() -> Vec<Case> {
    vec![
        case("one channel out", Input::new(2, 3, 5, &[4])),
        case("three channels out", Input::new(1, 5, 3, &[12])),
        case("five channels out", Input::new(2, 4, 7, &[20])),
        case("one pixel", Input::new(1, 1, 1, &[4])),
        case("wide", Input::new(1, 2, 3, &[192])),
        with_residual("added to a skip", Input::new(2, 3, 5, &[20]), Input::new(2, 6, 10, &[5])),
        with_residual("a wide skip", Input::new(1, 2, 3, &[192]), Input::new(1, 4, 6, &[48])),
    ]
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &[crate::support::gpu::native()]);
}
