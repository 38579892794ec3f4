use vernis::ops::resample::concat::Concat;

use crate::reference::resample::concat::concat;
use crate::support::case::{Case, Input};
use crate::support::compare::Tolerance;

fn case(name: &str, a: Input, b: Input) -> Case {
    Case::new(name, Concat, vec![a, b], Tolerance::Exact, |g| concat(&g.inputs[0], &g.inputs[1]))
}

pub fn cases() -> Vec<Case> {
    vec![
        case("odd channels", Input::new(2, 3, 5, &[7]), Input::new(2, 3, 5, &[2])),
        case("segments", Input::new(1, 4, 3, &[127, 127]), Input::new(1, 4, 3, &[5, 9])),
        case("one element", Input::new(1, 1, 1, &[1]), Input::new(1, 1, 1, &[1])),
        case("whole quads", Input::new(1, 9, 9, &[48]), Input::new(1, 9, 9, &[96])),
    ]
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &[crate::support::gpu::native()]);
}
