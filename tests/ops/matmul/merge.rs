use vernis::base::Channels;
use vernis::checkpoint::low_rank::{Addition, LowRank, Term};
use vernis::checkpoint::prepack::Pack;
use vernis::ops::attention::channel_project::ChannelProject;
use vernis::ops::matmul::merge::Merge;

use super::contract::matrix;
use crate::reference::Plain;
use crate::reference::attention::channel_project::channel_project;
use crate::reference::matmul::merge::merge;
use crate::support::case::{Case, Input};
use crate::support::compare::Tolerance;

pub fn term(rank: u32) -> Term {
    Term { a: "a".into(), b: "b".into(), rank }
}

/// An attention map times a projection with a low-rank change, each image with factors of its own. The map is given
/// `[n, heads, c rounded up to 4, c]`.
fn case(name: &str, heads: u32, c: u32, out: u32, rank: u32, n: u32) -> Case {
    let padded = c.next_multiple_of(4);
    let inputs = vec![Input::new(n, heads, padded, &[c]).f32(), Input::new(n, 1, 1, &[rank])];
    let build = move |g: &mut vernis::graph::Graph, x: &[vernis::kernel::TensorId], p: &[vernis::kernel::ParamId]| {
        let project = |out: u32| ChannelProject { channels: c, out: Channels::one(out) };
        let base = g.add("base", project(out), &x[..1], &p[..1])?;
        let inner = g.add("inner", project(rank), &x[..1], &p[1..2])?;
        g.add("case", Merge, &[base, inner, x[1]], &p[2..])
    };
    let m = matrix(&Channels::repeat(c, heads), &Channels::one(out), 1, false);
    let low = LowRank { matrix: m.clone(), terms: vec![term(rank)] };
    let k = (heads * c) as usize;
    Case::chain(name, inputs, Tolerance::Sum, build, move |g| {
        let (given, factors) = (&g.inputs[0], &g.inputs[1]);
        let map = Plain::fill(given.n, given.h, given.c, given.c, |n, head, i, j| given.at(n, j, head, i));
        let all: Vec<Plain> = (0..given.n)
            .map(|n| {
                let own: Vec<f64> = (0..rank as usize).map(|r| factors.at(n, r, 0, 0)).collect();
                let weight = merge(g.weight("weight"), g.weight("a"), g.weight("b"), &own);
                channel_project(&map, &weight, out as usize)
            })
            .collect();
        Plain::fill(given.n, 1, out as usize, k, |n, _, o, i| all[n].at(n, 0, o, i))
    })
    .decoded(move |target, shape, memory| {
        let width = 4 * target.panel_quads(false) as usize;
        let depth = (heads * padded) as usize;
        let image = memory.len() / shape.n as usize;
        Plain::fill(shape.n as usize, 1, out as usize, k, |b, _, o, k| {
            let row = k / c as usize * padded as usize + k % c as usize;
            f64::from(memory[b * image + (o / width * depth + row) * width + o % width])
        })
    })
    .weight("weight", &[out, heads * c, 1, 1], -0.5, 0.5)
    .weight("a", &[rank, heads * c, 1, 1], -0.5, 0.5)
    .weight("b", &[out, rank, 1, 1], -0.5, 0.5)
    .param(Pack::Matrix(m))
    .param(Pack::Addition(Addition::Inner(low.clone())))
    .param(Pack::Addition(Addition::Outer(low)))
    .half(Tolerance::Half)
}

pub fn cases() -> Vec<Case> {
    vec![
        case("two heads, batch", 2, 12, 24, 4, 2),
        case("odd channels and rank", 3, 5, 15, 7, 2),
        case("ranks of several panels", 1, 20, 150, 70, 1),
        case("one channel", 1, 1, 1, 1, 1),
    ]
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &crate::support::gpu::contractions());
}
