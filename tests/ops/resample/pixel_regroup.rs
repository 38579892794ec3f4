use vernis::ops::resample::pixel_regroup::PixelRegroup;

use crate::reference::resample::pixel_regroup::{to_coarse, to_fine};
use crate::support::case::{Case, Input};
use crate::support::compare::Tolerance;

fn case(name: &str, factor: u32, fine: bool, input: Input) -> Case {
    Case::new(name, PixelRegroup { factor, fine }, vec![input], Tolerance::Exact, move |g| {
        let r = factor as usize;
        if fine { to_fine(&g.inputs[0], r) } else { to_coarse(&g.inputs[0], r) }
    })
}

pub fn cases() -> Vec<Case> {
    vec![
        case("x3, one channel out", 3, true, Input::new(2, 3, 5, &[9])),
        case("x3, five channels out", 3, true, Input::new(1, 4, 3, &[45])),
        case("x3, one pixel", 3, true, Input::new(1, 1, 1, &[18])),
        case("x2 like pixel_shuffle", 2, true, Input::new(2, 3, 4, &[20])),
        case("x1 moves nothing", 1, true, Input::new(1, 3, 3, &[5])),
        case("patches of 3, batch", 3, false, Input::new(2, 6, 9, &[5])),
        case("patches of 3, 16 channels", 3, false, Input::new(1, 12, 12, &[16])),
        case("patches of 4, one", 4, false, Input::new(1, 4, 4, &[3])),
    ]
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &[crate::support::gpu::native()]);
}
