use vernis::ops::resample::resize::Resize;

use crate::reference::resample::resize::resize;
use crate::support::case::{Case, Input};
use crate::support::compare::Tolerance;

fn case(name: &str, h: u32, w: u32, nearest: bool, input: Input) -> Case {
    let tolerance = if nearest { Tolerance::Exact } else { Tolerance::Near };
    Case::new(name, Resize { h, w, nearest }, vec![input], tolerance, move |g| {
        resize(&g.inputs[0], h as usize, w as usize, nearest)
    })
}

pub fn cases() -> Vec<Case> {
    vec![
        case("twice the size", 10, 14, false, Input::new(2, 5, 7, &[3])),
        case("four times the size", 12, 8, false, Input::new(1, 3, 2, &[4])),
        case("odd enlargement", 11, 17, false, Input::new(1, 5, 7, &[5])),
        case("reduction", 3, 4, false, Input::new(2, 9, 13, &[6])),
        case("same size", 5, 5, false, Input::new(1, 5, 5, &[1])),
        case("from one pixel", 4, 3, false, Input::new(1, 1, 1, &[2])),
        case("to one pixel", 1, 1, false, Input::new(1, 6, 5, &[2])),
        case("nearest, larger", 13, 10, true, Input::new(2, 5, 7, &[3])),
        case("nearest, smaller", 3, 4, true, Input::new(1, 10, 9, &[7])),
    ]
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &[crate::support::gpu::native()]);
}
