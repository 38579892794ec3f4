//! What the diffusion UNet asks of contractions: a bias for each image, gates of the second half, an input that comes
//! in parts, matrices larger than a binding.

use vernis::base::Channels;
use vernis::checkpoint::prepack::{Matrix, Pack};
use vernis::ops::Activation;
use vernis::ops::matmul::contract::Contract;

use super::contract::matrix;
use crate::reference::elementwise::activation::Kind;
use crate::reference::elementwise::binary::binary;
use crate::reference::elementwise::gate::gate;
use crate::reference::matmul::contract::{Conv, conv};
use crate::support::case::{Case, Given, Input};
use crate::support::compare::Tolerance;

fn weighted(case: Case, m: &Matrix, stored: u32) -> Case {
    let reach = 1.0 / f64::from(m.inputs.logical() * m.kernel.0 * m.kernel.1).sqrt();
    case.weight("weight", &[m.outputs.logical(), stored, m.kernel.0, m.kernel.1], -reach, reach)
        .weight("bias", &[m.outputs.logical()], -1.0, 1.0)
        .param(Pack::Matrix(m.clone()))
        .param(Pack::Bias(m.clone()))
}

fn reference<'a>(g: &'a Given, out: u32, k: u32) -> Conv<'a> {
    let (k, pad) = (k as usize, (k / 2) as usize);
    Conv { weight: g.weight("weight"), bias: g.optional("bias"), out: out as usize, k, stride: 1, pad }
}

/// One value for each image and channel is added to the result.
fn image_bias(name: &str, input: Input, out: u32, kernel: u32) -> Case {
    let m = matrix(&input.shape.c, &Channels::one(out), kernel, true);
    let op = Contract { residual: true, ..Contract::conv(Channels::one(out), kernel, 1, kernel / 2, true) };
    let bias = Input::new(input.shape.n, 1, 1, &[out]);
    let (inputs, stored) = (vec![input.clone(), bias], input.shape.c.logical());
    let case = Case::new(name, op, inputs, Tolerance::Sum, move |g| {
        binary(&conv(&g.inputs[0], &reference(g, out, kernel)), &g.inputs[1], false)
    });
    weighted(case, &m, stored)
}

/// `first half * gelu(second half)`.
fn geglu(name: &str, input: Input, half: u32) -> Case {
    let outputs = Channels::repeat(half, 2);
    let m = Matrix { gated: true, swapped: true, ..matrix(&input.shape.c, &outputs, 1, true) };
    let op = Contract { gate: Some(Activation::Gelu), ..Contract::linear(Channels::one(half), true) };
    let stored = input.shape.c.logical();
    let case = Case::new(name, op, vec![input], Tolerance::Sum, move |g| {
        gate(&conv(&g.inputs[0], &reference(g, 2 * half, 1)), Kind::Gelu, true)
    });
    weighted(case, &m, stored)
}

/// The input is channels `first..` of a stored `total`.
fn slice(name: &str, input: Input, first: u32, total: u32, out: u32, kernel: u32) -> Case {
    let count = input.shape.c.logical();
    let columns = Some((first, first + count));
    let m = Matrix { columns, ..matrix(&input.shape.c, &Channels::one(out), kernel, true) };
    let op = Contract::conv(Channels::one(out), kernel, 1, kernel / 2, true);
    let case = Case::new(name, op, vec![input], Tolerance::Sum, move |g| {
        let taps = (kernel * kernel) as usize;
        let row = total as usize * taps;
        let from = first as usize * taps;
        let rows = g.weight("weight").chunks(row);
        let kept: Vec<f64> = rows.flat_map(|r| &r[from..from + count as usize * taps]).copied().collect();
        conv(&g.inputs[0], &Conv { weight: &kept, ..reference(g, out, kernel) })
    });
    weighted(case, &m, total)
}

/// A matrix in parts of `step` panels.
pub fn parts(name: &str, input: Input, out: u32, kernel: u32, step: u32, gated: bool) -> Case {
    let outputs = if gated { Channels::repeat(out, 2) } else { Channels::one(out) };
    let m = Matrix { gated, ..matrix(&input.shape.c, &outputs, kernel, true) };
    let stored = input.shape.c.logical();
    let all = if gated { 2 * out } else { out };
    let own = m.clone();
    let build = move |g: &mut vernis::graph::Graph, x: &[vernis::kernel::TensorId], p: &[vernis::kernel::ParamId]| {
        let quads = g.target.panel_quads(gated) / if gated { 2 } else { 1 };
        let panels = out.div_ceil(4).div_ceil(quads);
        let mut params: Vec<_> = (0..panels)
            .step_by(step as usize)
            .map(|first| g.param(Pack::Part { matrix: own.clone(), first, count: step.min(panels - first) }))
            .collect();
        params.push(p[1]);
        let op = Contract {
            part: Some(step),
            gate: gated.then_some(Activation::None),
            ..Contract::conv(Channels::one(out), kernel, 1, kernel / 2, true)
        };
        g.add("case", op, x, &params)
    };
    let case = Case::chain(name, vec![input], Tolerance::Sum, build, move |g| {
        let y = conv(&g.inputs[0], &reference(g, all, kernel));
        if gated { gate(&y, Kind::None, false) } else { y }
    });
    weighted(case, &m, stored)
}

pub fn cases() -> Vec<Case> {
    vec![
        image_bias("a value for each image, 3x3", Input::new(2, 5, 7, &[6]), 9, 3),
        image_bias("a value for each image, pairs of quads", Input::new(2, 5, 7, &[6]), 40, 1),
        image_bias("a value for each image, one pixel", Input::new(3, 1, 1, &[5]), 4, 1),
        geglu("the second half gates", Input::new(2, 3, 7, &[13]), 40),
        geglu("the second half gates, odd width", Input::new(1, 4, 5, &[9]), 127),
        slice("the first channels of an input", Input::new(1, 5, 6, &[3]), 0, 11, 8, 3),
        slice("the last channels of an input", Input::new(1, 4, 4, &[7]), 4, 11, 6, 1),
        parts("a matrix in parts", Input::new(1, 5, 5, &[10]), 300, 1, 2, false),
        parts("a 3x3 matrix in parts of one panel", Input::new(2, 4, 3, &[6]), 150, 3, 1, false),
        parts("a gated matrix in parts", Input::new(1, 3, 5, &[8]), 200, 1, 3, true),
    ]
}

#[test]
fn serves_the_unet() {
    crate::support::case::check(cases(), &crate::support::gpu::contractions());
}
