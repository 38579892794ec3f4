use vernis::base::Channels;
use vernis::checkpoint::prepack::Pack;
use vernis::graph::Graph;
use vernis::kernel::{ParamId, TensorId};
use vernis::ops::attention::channel_gram::ChannelGram;
use vernis::ops::attention::channel_project::ChannelProject;
use vernis::ops::attention::channel_softmax::ChannelSoftmax;
use vernis::ops::matmul::contract::Contract;

use super::channel_gram::operands;
use crate::reference::Plain;
use crate::reference::attention::channel_gram::channel_gram;
use crate::reference::attention::channel_project::{apply, channel_project};
use crate::reference::attention::channel_softmax::channel_softmax;
use crate::reference::elementwise::binary::binary;
use crate::reference::matmul::contract::{Conv, conv};
use crate::support::case::{Case, Given, Input};
use crate::support::compare::Tolerance;
use crate::table::matmul::contract::matrix;

fn map(g: &Given, heads: u32, c: u32) -> Plain {
    let (q, k) = operands(g, heads, c);
    channel_softmax(&channel_gram(&q, &k, heads as usize), g.weight("temperature"))
}

/// q, k, v -> the matrix of each image.
fn joined(g: &mut Graph, x: TensorId, p: &[ParamId], heads: u32, c: u32, out: u32) -> vernis::base::Result<TensorId> {
    let gram = g.add("gram", ChannelGram { heads, q: 0, k: heads as usize }, &[x, x], &[])?;
    let map = g.add("softmax", ChannelSoftmax { heads, channels: c }, &[gram], &p[..1])?;
    g.add("case", ChannelProject { channels: c, out: Channels::one(out) }, &[map], &p[1..2])
}

fn weights(case: Case, heads: u32, c: u32, out: u32, bias: bool) -> Case {
    let m = matrix(&Channels::repeat(c, heads), &Channels::one(out), 1, bias);
    let case = case
        .weight("temperature", &[heads, 1, 1], 1.0, 8.0)
        .weight("weight", &[out, heads * c, 1, 1], -0.5, 0.5)
        .param(Pack::Flat { key: "temperature".into() })
        .param(Pack::Matrix(m.clone()));
    if bias { case.weight("bias", &[out], -1.0, 1.0).param(Pack::Bias(m)) } else { case }
}

/// The matrix itself: panels of `width` columns, all K rows of one panel after each other.
fn alone(name: &str, heads: u32, c: u32, out: u32, (n, h, w): (u32, u32, u32)) -> Case {
    let input = Input::new(n, h, w, &vec![c; 3 * heads as usize]);
    let build = move |g: &mut Graph, x: &[TensorId], p: &[ParamId]| joined(g, x[0], p, heads, c, out);
    let case = Case::chain(name, vec![input], Tolerance::Sum, build, move |g| {
        channel_project(&map(g, heads, c), g.weight("weight"), out as usize)
    })
    .decoded(move |target, shape, memory| {
        let width = 4 * target.panel_quads(false) as usize;
        let padded = c.div_ceil(4) as usize * 4;
        let depth = heads as usize * padded;
        let image = memory.len() / shape.n as usize;
        Plain::fill(shape.n as usize, 1, out as usize, (heads * c) as usize, |b, _, o, k| {
            let row = k / c as usize * padded + k % c as usize;
            f64::from(memory[b * image + (o / width * depth + row) * width + o % width])
        })
    });
    weights(case, heads, c, out, false)
}

/// The whole of MDTA behind its convolutions: the matrix, applied to v by a contraction of its own for each image.
fn applied(name: &str, heads: u32, c: u32, out: u32, (n, h, w): (u32, u32, u32), bias: bool, residual: bool) -> Case {
    let count = heads as usize;
    let mut inputs = vec![Input::new(n, h, w, &vec![c; 3 * count])];
    if residual {
        inputs.push(Input::new(n, h, w, &[out]));
    }
    let build = move |g: &mut Graph, x: &[TensorId], p: &[ParamId]| {
        let m = joined(g, x[0], p, heads, c, out)?;
        let op = Contract {
            segments: Some((2 * count, 3 * count)),
            dynamic: true,
            residual,
            ..Contract::linear(Channels::one(out), bias)
        };
        let mut operands = vec![x[0]];
        operands.extend(residual.then(|| x[1]));
        operands.push(m);
        g.add("apply", op, &operands, &p[2..])
    };
    let case = Case::chain(name, inputs, Tolerance::Sum, build, move |g| {
        let inner = (heads * c) as usize;
        let v = apply(&map(g, heads, c), &g.inputs[0].channels(2 * inner, inner));
        let p =
            Conv { weight: g.weight("weight"), bias: g.optional("bias"), out: out as usize, k: 1, stride: 1, pad: 0 };
        let y = conv(&v, &p);
        if residual { binary(&y, &g.inputs[1], false) } else { y }
    });
    weights(case, heads, c, out, bias)
}

pub fn cases() -> Vec<Case> {
    vec![
        alone("matrix of two heads, batch", 2, 12, 24, (2, 6, 7)),
        alone("matrix of odd channels", 3, 5, 15, (1, 4, 9)),
        alone("matrix of several panels", 1, 20, 150, (1, 5, 5)),
        alone("matrix of one channel", 1, 1, 1, (1, 1, 1)),
        applied("applied, batch", 2, 12, 24, (2, 6, 7), false, false),
        applied("applied with bias and residual", 3, 5, 15, (2, 9, 5), true, true),
        applied("applied, several panels", 1, 48, 70, (1, 11, 7), true, false),
        applied("applied, a panel and a ragged half, batch", 1, 20, 90, (2, 12, 11), true, false),
    ]
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &crate::support::gpu::contractions());
}
