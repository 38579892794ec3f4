use vernis::checkpoint::prepack::Pack;
use vernis::graph::Graph;
use vernis::kernel::{ParamId, TensorId};
use vernis::ops::attention::channel_gram::ChannelGram;
use vernis::ops::attention::channel_topm::ChannelTopm;

use super::channel_gram::operands;
use crate::reference::Plain;
use crate::reference::attention::channel_gram::channel_gram;
use crate::reference::attention::channel_topm::channel_topm;
use crate::support::case::{Case, Input};
use crate::support::compare::Tolerance;

const BLEND: [&str; 4] = ["attn1", "attn2", "attn3", "attn4"];

fn case(name: &str, heads: u32, c: u32, (n, h, w): (u32, u32, u32), temperature: f64) -> Case {
    let count = heads as usize;
    let build = move |g: &mut Graph, x: &[TensorId], p: &[ParamId]| {
        let gram = g.add("gram", ChannelGram { heads, q: 0, k: count }, &[x[0], x[0]], &[])?;
        g.add("case", ChannelTopm { heads, channels: c }, &[gram], p)
    };
    let input = Input::new(n, h, w, &vec![c; 2 * count]);
    let mut case = Case::chain(name, vec![input], Tolerance::Sum, build, move |g| {
        let (q, k) = operands(g, heads, c);
        let map = channel_topm(&channel_gram(&q, &k, count), g.weight("temperature"), BLEND.map(|b| g.weight(b)[0]));
        // In memory the map is `[n, heads, padded c, padded c]`.
        let (side, padded) = (c as usize, c.next_multiple_of(4) as usize);
        Plain::fill(
            map.n,
            map.c,
            padded,
            padded,
            |n, head, i, j| {
                if i < side && j < side { map.at(n, head, i, j) } else { 0.0 }
            },
        )
    })
    .weight("temperature", &[heads, 1, 1], 0.5 * temperature, temperature)
    .param(Pack::Flat { key: "temperature".into() })
    .decoded(|_, shape, memory| Plain::from_f32(shape.n, shape.h, shape.w, shape.c.padded(), &memory))
    .half(Tolerance::Sum);
    for key in BLEND {
        case = case.weight(key, &[1], 0.1, 0.6).param(Pack::Flat { key: key.into() });
    }
    case
}

pub fn cases() -> Vec<Case> {
    vec![
        case("two heads, batch", 2, 12, (2, 9, 11), 2.0),
        case("odd channels", 3, 5, (1, 4, 9), 1.0),
        case("the least that keeps one", 1, 2, (1, 3, 3), 1.0),
        case("more than a workgroup", 1, 70, (1, 8, 9), 3.0),
        case("a high temperature", 2, 8, (1, 3, 5), 60.0),
        case("many chunks", 1, 10, (1, 64, 67), 2.0),
    ]
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &crate::support::gpu::contractions());
}
