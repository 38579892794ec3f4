use vernis::base::Channels;
use vernis::checkpoint::prepack::Pack;
use vernis::ops::attention::prompt_select::PromptSelect;

use crate::reference::attention::prompt_select::prompt_select;
use crate::support::case::{Case, Input};
use crate::support::compare::Tolerance;

fn case(name: &str, n: u32, dim: u32, (count, keep): (u32, u32), temperature: f64) -> Case {
    Case::new(name, PromptSelect { count, keep }, vec![Input::new(n, 1, 1, &[dim])], Tolerance::Sum, move |g| {
        prompt_select(&g.inputs[0], g.weight("keys"), g.weight("temperature")[0], keep as usize)
    })
    .weight("keys", &[count, dim], -1.0, 1.0)
    .weight("temperature", &[], temperature, temperature)
    .param(Pack::Table { key: "keys".into(), channels: Channels::one(dim) })
    .param(Pack::Flat { key: "temperature".into() })
    // Weights are f32 in every precision.
    .half(Tolerance::Sum)
}

pub fn cases() -> Vec<Case> {
    vec![
        case("a small pool, batch", 3, 32, (7, 3), 0.5),
        case("odd widths", 2, 37, (9, 2), 0.7),
        case("a cold temperature is raised to 0.1", 1, 16, (6, 4), 0.01),
        case("a hot temperature is lowered to 2", 1, 16, (6, 4), 30.0),
        case("all are kept", 2, 24, (5, 5), 0.3),
        case("one is kept", 1, 20, (8, 1), 0.4),
        case("a pool larger than a workgroup", 2, 12, (130, 70), 0.6),
        case("one prompt", 1, 1, (1, 1), 1.0),
    ]
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &[crate::support::gpu::native()]);
}
