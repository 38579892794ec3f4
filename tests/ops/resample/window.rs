use vernis::ops::resample::window::Window;

use crate::reference::resample::window::window;
use crate::support::case::{Case, Input};
use crate::support::compare::Tolerance;

fn case(name: &str, op: Window, input: Input) -> Case {
    let Window { h, w, top, left, .. } = op;
    Case::new(name, op, vec![input], Tolerance::Exact, move |g| {
        window(&g.inputs[0], h as usize, w as usize, top as isize, left as isize)
    })
}

pub fn cases() -> Vec<Case> {
    let x = || Input::new(2, 5, 7, &[3]);
    vec![
        case("pad right and bottom", Window::to(8, 8), x()),
        case("crop right and bottom", Window::to(3, 2), x()),
        case("pad all sides", Window { h: 9, w: 11, top: -2, left: -2, f32_out: false }, x()),
        case("crop the middle", Window { h: 2, w: 3, top: 1, left: 2, f32_out: false }, x()),
        case("beside the picture", Window { h: 2, w: 2, top: 10, left: -10, f32_out: false }, x()),
        case("crop to f32", Window { h: 4, w: 4, top: 0, left: 3, f32_out: true }, x()),
        case("one pixel", Window::to(1, 1), Input::new(1, 1, 1, &[1])),
        case("segments", Window::to(4, 3), Input::new(1, 3, 4, &[127, 5])),
    ]
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &[crate::support::gpu::native()]);
}
