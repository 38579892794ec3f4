use vernis::base::Shape;
use vernis::kernel::{ParamId, TensorId};
use vernis::ops::attention::channel_gram::ChannelGram;

use crate::reference::Plain;
use crate::reference::attention::channel_gram::channel_gram;
use crate::support::case::{Case, Given, Input};
use crate::support::compare::Tolerance;

/// q and k of a case: the first `2 heads` segments of one tensor, or two tensors.
pub fn operands(g: &Given, heads: u32, c: u32) -> (Plain, Plain) {
    let inner = (heads * c) as usize;
    match &g.inputs[..] {
        [q, k, ..] if q.c == inner && k.c == inner => (q.clone(), k.clone()),
        [x, ..] => (x.channels(0, inner), x.channels(inner, inner)),
        [] => unreachable!("a case has inputs"),
    }
}

/// Sums the chunks of the op's output and leaves out the padding: for each (image, chunk, head) 4 quads rows of quads,
/// then the squares of q and of k.
fn decode(heads: usize, c: usize, shape: &Shape, memory: &[f32]) -> Plain {
    let padded = c.div_ceil(4) * 4;
    let block = padded * padded + 2 * padded;
    let (n, chunks) = (shape.n as usize, shape.h as usize / heads);
    Plain::fill(n, heads, c + 2, c, |image, head, i, j| {
        let row = if i < c { i * padded } else { padded * padded + (i - c) * padded };
        (0..chunks).map(|chunk| f64::from(memory[((image * chunks + chunk) * heads + head) * block + row + j])).sum()
    })
}

fn case(name: &str, heads: u32, c: u32, (n, h, w): (u32, u32, u32), apart: bool) -> Case {
    let count = heads as usize;
    let inputs = if apart {
        vec![Input::new(n, h, w, &vec![c; count]), Input::new(n, h, w, &vec![c; count])]
    } else {
        vec![Input::new(n, h, w, &vec![c; 3 * count])]
    };
    let op = ChannelGram { heads, q: 0, k: if apart { 0 } else { count } };
    let build = move |g: &mut vernis::graph::Graph, x: &[TensorId], _: &[ParamId]| {
        g.add("case", op.clone(), &[x[0], *x.last().expect("an input")], &[])
    };
    Case::chain(name, inputs, Tolerance::Sum, build, move |g| {
        let (q, k) = operands(g, heads, c);
        channel_gram(&q, &k, count)
    })
    .decoded(move |_, shape, memory| decode(count, c as usize, shape, &memory))
    .half(Tolerance::Sum)
}

pub fn cases() -> Vec<Case> {
    vec![
        case("fused q, k, v", 2, 12, (2, 9, 11), false),
        case("one head of 48", 1, 48, (1, 16, 16), false),
        case("odd channels, four heads", 4, 7, (1, 5, 13), false),
        case("one channel, one pixel", 1, 1, (1, 1, 1), false),
        case("q and k apart", 2, 10, (2, 8, 8), true),
        case("wide", 1, 66, (1, 10, 13), false),
        case("many pixels", 1, 8, (1, 64, 67), false),
        case("many tiles, several chunks", 1, 70, (2, 24, 67), false),
    ]
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &crate::support::gpu::contractions());
}
