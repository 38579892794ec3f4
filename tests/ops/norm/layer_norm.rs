use vernis::checkpoint::prepack::Pack;
use vernis::ops::norm::layer_norm::LayerNorm;

use crate::reference::norm::layer_norm::layer_norm;
use crate::support::case::{Case, Input};
use crate::support::compare::Tolerance;

fn case(name: &str, eps: f32, centre: bool, weight: bool, bias: bool, input: Input) -> Case {
    let channels = input.shape.c.clone();
    let mut out = Case::new(name, LayerNorm { eps, centre, weight, bias }, vec![input], Tolerance::Sum, move |g| {
        layer_norm(&g.inputs[0], g.optional("weight"), g.optional("bias"), f64::from(eps), centre)
    });
    for (present, key) in [(weight, "weight"), (bias, "bias")] {
        if present {
            let pack = Pack::Vector { key: key.into(), channels: channels.clone() };
            out = out.weight(key, &[channels.logical()], -1.0, 2.0).param(pack);
        }
    }
    out
}

pub fn cases() -> Vec<Case> {
    vec![
        case("with bias", 1e-5, true, true, true, Input::new(2, 5, 7, &[48])),
        case("with bias, odd channels", 1e-6, true, true, true, Input::new(1, 3, 3, &[7])),
        case("without bias", 1e-5, false, true, false, Input::new(1, 9, 8, &[30])),
        case("weight alone", 1e-5, true, true, false, Input::new(1, 2, 5, &[6])),
        case("neither weight nor bias", 1e-5, true, false, false, Input::new(1, 2, 5, &[8])),
        case("neither, not centred", 1e-5, false, false, false, Input::new(1, 2, 5, &[6])),
        case("segments", 1e-5, true, true, true, Input::new(1, 4, 5, &[127, 127])),
        // Rows short enough to be held, with an even number of quads; more of them than a workgroup has.
        case("held", 1e-5, true, true, true, Input::new(1, 13, 17, &[94])),
        case("held segments", 1e-5, true, true, true, Input::new(2, 11, 13, &[21, 22])),
        case("held, not centred", 1e-5, false, true, false, Input::new(1, 12, 11, &[21, 22])),
        case("zeros that are values", 1e-5, true, true, true, Input::new(1, 4, 5, &[9]).rectified()),
        case("zeros that are values, held", 1e-5, true, true, true, Input::new(1, 4, 5, &[21, 22]).rectified()),
        case("one channel", 1e-5, false, true, false, Input::new(1, 3, 3, &[1])),
        case("one pixel", 1e-5, true, true, true, Input::new(1, 1, 1, &[5])),
        case("a mean far from zero", 1e-5, true, true, true, Input::new(1, 4, 4, &[7]).range(20.0, 21.0)),
        case("zeros among the values", 1e-5, true, true, true, Input::new(1, 4, 4, &[7]).range(0.0, 1e-45)),
        case("a tiny deviation", 1e-5, true, true, true, Input::new(1, 4, 4, &[9]).range(-1e-3, 1e-3)),
    ]
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &crate::support::gpu::contractions());
}
