use vernis::ops::norm::row_stats::RowStats;

use crate::reference::norm::row_stats::row_stats;
use crate::support::case::{Case, Input};
use crate::support::compare::Tolerance;

fn case(name: &str, eps: f32, input: Input) -> Case {
    Case::new(name, RowStats { eps }, vec![input], Tolerance::Sum, move |g| row_stats(&g.inputs[0], f64::from(eps)))
        // Stored in f32 from f16 inputs that the reference sees too.
        .half(Tolerance::Sum)
}

pub fn cases() -> Vec<Case> {
    vec![
        case("whole quads", 1e-5, Input::new(2, 5, 7, &[48])),
        case("odd channels", 1e-6, Input::new(1, 3, 3, &[7])),
        case("segments", 1e-5, Input::new(1, 4, 5, &[127, 127])),
        // Short enough to be held, with an even number of quads.
        case("held", 1e-5, Input::new(1, 13, 17, &[94])),
        case("held segments", 1e-5, Input::new(2, 5, 7, &[21, 22])),
        case("zeros that are values", 1e-5, Input::new(1, 4, 5, &[9]).rectified()),
        case("zeros that are values, held", 1e-5, Input::new(1, 4, 5, &[21, 22]).rectified()),
        case("one channel", 1e-5, Input::new(1, 3, 3, &[1])),
        case("a mean far from zero", 1e-5, Input::new(1, 4, 4, &[7]).range(20.0, 21.0)),
    ]
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &crate::support::gpu::contractions());
}
