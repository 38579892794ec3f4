use vernis::checkpoint::prepack::Pack;
use vernis::graph::Graph;
use vernis::kernel::{ParamId, TensorId};
use vernis::ops::attention::channel_gram::ChannelGram;
use vernis::ops::attention::channel_softmax::ChannelSoftmax;

use super::channel_gram::operands;
use crate::reference::Plain;
use crate::reference::attention::channel_gram::channel_gram;
use crate::reference::attention::channel_softmax::channel_softmax;
use crate::support::case::{Case, Input};
use crate::support::compare::Tolerance;

/// The map in memory is `[n, heads, padded c, padded c]` with zeros in the padding.
fn embedded(map: &Plain) -> Plain {
    let padded = map.w.div_ceil(4) * 4;
    Plain::fill(
        map.n,
        map.c,
        padded,
        padded,
        |n, head, i, j| {
            if i < map.w && j < map.w { map.at(n, head, i, j) } else { 0.0 }
        },
    )
}

fn case(name: &str, heads: u32, c: u32, (n, h, w): (u32, u32, u32), reach: f64, temperature: f64) -> Case {
    let count = heads as usize;
    let build = move |g: &mut Graph, x: &[TensorId], p: &[ParamId]| {
        let gram = g.add("gram", ChannelGram { heads, q: 0, k: count }, &[x[0], x[0]], &[])?;
        g.add("case", ChannelSoftmax { heads, channels: c }, &[gram], p)
    };
    let input = Input::new(n, h, w, &vec![c; 2 * count]).range(-reach, reach);
    Case::chain(name, vec![input], Tolerance::Sum, build, move |g| {
        let (q, k) = operands(g, heads, c);
        embedded(&channel_softmax(&channel_gram(&q, &k, count), g.weight("temperature")))
    })
    .weight("temperature", &[heads, 1, 1], 0.5 * temperature, temperature)
    .param(Pack::Flat { key: "temperature".into() })
    .decoded(|_, shape, memory| Plain::from_f32(shape.n, shape.h, shape.w, shape.c.padded(), &memory))
    // The map is f32 in every precision.
    .half(Tolerance::Sum)
}

pub fn cases() -> Vec<Case> {
    vec![
        case("two heads, batch", 2, 12, (2, 9, 11), 1.0, 2.0),
        case("odd channels", 3, 5, (1, 4, 9), 1.0, 1.0),
        case("one channel", 1, 1, (1, 1, 1), 1.0, 1.0),
        case("wide", 1, 48, (1, 12, 12), 1.0, 1.0),
        case("a high temperature", 1, 8, (1, 3, 5), 1.0, 90.0),
        case("vectors of zeros", 2, 6, (1, 2, 2), 0.0, 1.0),
        case("many chunks", 2, 6, (2, 48, 91), 1.0, 1.0),
    ]
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &crate::support::gpu::contractions());
}
