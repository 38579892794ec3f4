use vernis::ops::elementwise::dual_gate::DualGate;

use super::activation::KINDS;
use crate::reference::elementwise::dual_gate::dual_gate;
use crate::support::case::{Case, Input};
use crate::support::compare::Tolerance;

fn case(name: &str, kind: usize, input: Input) -> Case {
    let (activation, kind) = KINDS[kind];
    Case::new(name, DualGate { activation }, vec![input], Tolerance::Near, move |g| dual_gate(&g.inputs[0], kind))
}

pub fn cases() -> Vec<Case> {
    vec![
        case("gelu, odd halves", 2, Input::new(1, 3, 5, &[127, 127]).range(-4.0, 4.0)),
        case("gelu, batch", 2, Input::new(2, 7, 3, &[6, 6])),
        case("relu", 1, Input::new(1, 2, 9, &[8, 8])),
        case("one channel", 2, Input::new(1, 1, 1, &[1, 1])),
    ]
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &[crate::support::gpu::native()]);
}
