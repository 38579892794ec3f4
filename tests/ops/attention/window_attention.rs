use vernis::base::Channels;
use vernis::checkpoint::prepack::Pack;
use vernis::ops::attention::window_attention::WindowAttention;

use crate::reference::attention::window_attention::{Tables, window_attention};
use crate::support::case::{Case, Input};
use crate::support::compare::Tolerance;

fn case(name: &str, (window, overlap): (u32, u32), heads: u32, channels: u32, (n, h, w): (u32, u32, u32)) -> Case {
    let op = WindowAttention { heads, channels, window, overlap };
    let input = Input::new(n, h, w, &vec![channels; 3 * heads as usize]).range(-2.0, 2.0);
    let table = |key: &str| Pack::Table { key: key.into(), channels: Channels::one(channels) };
    Case::new(name, op, vec![input], Tolerance::Sum, move |g| {
        let tables = Tables { height: g.weight("rel_height"), width: g.weight("rel_width") };
        window_attention(&g.inputs[0], heads as usize, window as usize, overlap as usize, &tables)
    })
    .weight("rel_height", &[2 * overlap - 1, channels], -1.0, 1.0)
    .weight("rel_width", &[2 * overlap - 1, channels], -1.0, 1.0)
    .param(table("rel_height"))
    .param(table("rel_width"))
}

pub fn cases() -> Vec<Case> {
    vec![
        case("8 in 12", (8, 12), 2, 16, (1, 24, 16)),
        case("8 in 12, one window", (8, 12), 1, 4, (1, 8, 8)),
        case("4 in 6, odd heads", (4, 6), 3, 5, (2, 8, 12)),
        case("4 in 6, one channel", (4, 6), 1, 1, (1, 12, 4)),
        case("4 in 8", (4, 8), 2, 6, (1, 12, 12)),
        case("keys that are the queries", (4, 4), 1, 8, (1, 8, 8)),
        case("windows of one pixel", (1, 3), 1, 4, (2, 3, 5)),
    ]
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &crate::support::gpu::contractions());
}
