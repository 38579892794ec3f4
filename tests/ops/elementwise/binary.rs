use vernis::ops::elementwise::binary::Binary;

use crate::reference::elementwise::binary::binary;
use crate::support::case::{Case, Input};
use crate::support::compare::Tolerance;

fn case(name: &str, multiply: bool, a: Input, b: Input) -> Case {
    Case::new(name, Binary { multiply }, vec![a, b], Tolerance::Near, move |g| {
        binary(&g.inputs[0], &g.inputs[1], multiply)
    })
}

pub fn cases() -> Vec<Case> {
    vec![
        case("sum", false, Input::new(2, 3, 5, &[7]), Input::new(2, 3, 5, &[7])),
        case("product of segments", true, Input::new(1, 7, 3, &[5, 127]), Input::new(1, 7, 3, &[5, 127])),
        case("factor per channel", true, Input::new(2, 9, 11, &[6]), Input::new(2, 1, 1, &[6])),
        case("summand per channel", false, Input::new(3, 1, 17, &[48]), Input::new(3, 1, 1, &[48])),
        case("one element", true, Input::new(1, 1, 1, &[1]), Input::new(1, 1, 1, &[1])),
    ]
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &[crate::support::gpu::native()]);
}
