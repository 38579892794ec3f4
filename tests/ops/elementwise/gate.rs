use vernis::ops::elementwise::gate::Gate;

use super::activation::KINDS;
use crate::reference::elementwise::gate::gate;
use crate::support::case::{Case, Input};
use crate::support::compare::Tolerance;

fn case(name: &str, kind: usize, swap: bool, input: Input) -> Case {
    let (activation, kind) = KINDS[kind];
    Case::new(name, Gate { activation, swap }, vec![input], Tolerance::Near, move |g| gate(&g.inputs[0], kind, swap))
}

pub fn cases() -> Vec<Case> {
    vec![
        case("simple gate", 0, false, Input::new(2, 5, 7, &[6, 6])),
        case("gdfn", 2, false, Input::new(1, 3, 5, &[127, 127]).range(-4.0, 4.0)),
        case("geglu", 2, true, Input::new(2, 1, 33, &[20, 20]).range(-4.0, 4.0)),
        case("sigmoid gate", 4, false, Input::new(1, 2, 2, &[5, 5])),
        case("two segments a half", 3, false, Input::new(1, 2, 3, &[3, 5, 3, 5])),
        case("one channel", 2, false, Input::new(1, 1, 1, &[1, 1])),
    ]
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &[crate::support::gpu::native()]);
}
