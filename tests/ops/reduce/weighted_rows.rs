use vernis::base::Channels;
use vernis::checkpoint::prepack::Pack;
use vernis::ops::reduce::weighted_rows::WeightedRows;

use crate::reference::reduce::weighted_rows::weighted_rows;
use crate::support::case::{Case, Input};
use crate::support::compare::Tolerance;

fn case(name: &str, rows: u32, channels: u32, factor: f32, weights: Input) -> Case {
    Case::new(name, WeightedRows { channels, factor }, vec![weights], Tolerance::Sum, move |g| {
        weighted_rows(&g.inputs[0], g.weight("table"), f64::from(factor))
    })
    .weight("table", &[rows, channels], -4.0, 4.0)
    .param(Pack::Table { key: "table".into(), channels: Channels::one(channels) })
}

pub fn cases() -> Vec<Case> {
    vec![
        case("a mean, batch", 5, 64, 0.2, Input::new(3, 1, 1, &[5])),
        case("weights in f32", 7, 80, 1.0, Input::new(2, 1, 1, &[7]).f32()),
        case("odd width", 6, 37, 1.0, Input::new(1, 1, 1, &[6])),
        case("more than a workgroup", 3, 300, 1.0, Input::new(2, 1, 1, &[3])),
        case("one of one", 1, 1, 1.0, Input::new(1, 1, 1, &[1])),
    ]
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &[crate::support::gpu::native()]);
}
