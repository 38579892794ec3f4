use vernis::ops::Activation;
use vernis::ops::elementwise::activation::Activate;

use crate::reference::elementwise::activation::{Kind, activate};
use crate::support::case::{Case, Input};
use crate::support::compare::Tolerance;

/// The engine's activations and what they stand for.
pub const KINDS: [(Activation, Kind); 6] = [
    (Activation::None, Kind::None),
    (Activation::Relu, Kind::Relu),
    (Activation::Gelu, Kind::Gelu),
    (Activation::Silu, Kind::Silu),
    (Activation::Sigmoid, Kind::Sigmoid),
    (Activation::QuickGelu, Kind::QuickGelu),
];

fn case(name: &str, (activation, kind): (Activation, Kind), input: Input, tolerance: Tolerance) -> Case {
    Case::new(name, Activate { activation }, vec![input], tolerance, move |g| g.inputs[0].map(|x| activate(x, kind)))
}

pub fn cases() -> Vec<Case> {
    let mut out: Vec<Case> = KINDS
        .iter()
        .map(|k| {
            // Sigmoid is the one that does not keep the zeros of padding lanes, so it is asked for whole quads.
            let channels = if k.1 == Kind::Sigmoid { 8 } else { 7 };
            let tolerance = if matches!(k.1, Kind::None | Kind::Relu) { Tolerance::Exact } else { Tolerance::Near };
            case(&format!("{:?}", k.1), *k, Input::new(2, 5, 9, &[channels]).range(-8.0, 8.0), tolerance)
        })
        .collect();
    out.push(case("one element", KINDS[2], Input::new(1, 1, 1, &[1]), Tolerance::Near));
    out.push(case("gelu near zero", KINDS[2], Input::new(1, 4, 4, &[4]).range(-0.01, 0.01), Tolerance::Near));
    out.push(case("gelu far out", KINDS[2], Input::new(1, 4, 4, &[4]).range(-60.0, 60.0), Tolerance::Near));
    out.push(case("silu far out", KINDS[3], Input::new(1, 4, 4, &[4]).range(-200.0, 200.0), Tolerance::Near));
    // 65,537 workgroups of 64 quads: more than one axis holds.
    let large = Input::new(1, 1024, 4097, &[4]);
    out.push(case("more workgroups than an axis holds", KINDS[1], large, Tolerance::Exact).large());
    out
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &[crate::support::gpu::native()]);
}
