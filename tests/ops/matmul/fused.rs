//! Contractions with prologues and epilogues: norms, factors, activations, gates, residuals, per-image matrices.

use vernis::base::Channels;
use vernis::checkpoint::prepack::Pack;
use vernis::ops::matmul::contract::{Contract, Prologue};

use super::contract::matrix;
use crate::reference::elementwise::activation::activate;
use crate::reference::elementwise::binary::binary;
use crate::reference::elementwise::gate::gate;
use crate::reference::matmul::contract::{Conv, affine, conv, standardise};
use crate::support::case::{Case, Input};
use crate::support::compare::Tolerance;
use crate::table::elementwise::activation::KINDS;

/// A contraction and everything around it.
#[derive(Clone)]
struct Spec {
    name: &'static str,
    input: Input,
    out: Vec<u32>,
    kernel: u32,
    bias: bool,
    /// A norm in front, centred or not; gamma and beta are folded into the matrix.
    norm: Option<bool>,
    gamma: bool,
    beta: bool,
    /// A factor for each input channel and image.
    scale: bool,
    /// A factor for each output channel, folded into the matrix.
    out_scale: bool,
    activation: usize,
    gate: Option<usize>,
    residual: bool,
    f32_out: bool,
    /// Rows of a larger stored weight.
    rows: Option<(u32, u32)>,
    /// The channel segments that are read.
    segments: Option<(usize, usize)>,
}

fn spec(name: &'static str, input: Input, out: &[u32]) -> Spec {
    Spec {
        name,
        input,
        out: out.to_vec(),
        kernel: 1,
        bias: false,
        norm: None,
        gamma: false,
        beta: false,
        scale: false,
        out_scale: false,
        activation: 0,
        gate: None,
        residual: false,
        f32_out: false,
        rows: None,
        segments: None,
    }
}

fn reference(s: &Spec, g: &crate::support::case::Given) -> crate::reference::Plain {
    let mut next = g.inputs.iter();
    let mut x = next.next().expect("x").clone();
    if let Some((a, b)) = s.segments {
        let widths = s.input.shape.c.segments();
        let first: u32 = widths[..a].iter().sum();
        x = x.channels(first as usize, widths[a..b].iter().sum::<u32>() as usize);
    }
    if let Some(centre) = s.norm {
        x = standardise(&x, next.next().expect("statistics"), centre);
    }
    x = affine(&x, g.optional("gamma"), g.optional("beta"));
    if s.scale {
        x = binary(&x, next.next().expect("scale"), true);
    }
    let out: u32 = s.out.iter().sum();
    let row = x.c * (s.kernel * s.kernel) as usize;
    let first = s.rows.map_or(0, |r| r.0 as usize);
    let p = Conv {
        weight: &g.weight("weight")[first * row..],
        bias: g.optional("bias").map(|b| &b[first..]),
        out: out as usize,
        k: s.kernel as usize,
        stride: 1,
        pad: (s.kernel / 2) as usize,
    };
    let mut y = affine(&conv(&x, &p), g.optional("out_scale"), None);
    if let Some(kind) = s.gate {
        y = gate(&y, KINDS[kind].1, false);
    }
    y = y.map(|v| activate(v, KINDS[s.activation].1));
    if s.residual { binary(&y, next.next().expect("residual"), false) } else { y }
}

fn case(s: Spec) -> Case {
    let shape = &s.input.shape;
    let all = &shape.c;
    let inputs = match s.segments {
        Some((a, b)) => Channels::split(Vec::from(&all.segments()[a..b])),
        None => all.clone(),
    };
    let outputs = Channels::split(s.out.clone());
    let kept = match s.gate {
        Some(_) => Channels::split(Vec::from(&s.out[..s.out.len() / 2])),
        None => outputs.clone(),
    };
    let mut m = matrix(&inputs, &outputs, s.kernel, s.bias);
    m.rows = s.rows;
    m.gamma = s.gamma.then(|| "gamma".into());
    m.beta = s.beta.then(|| "beta".into());
    m.out_scale = s.out_scale.then(|| "out_scale".into());
    m.gated = s.gate.is_some();
    let mut op = Contract::conv(kept.clone(), s.kernel, 1, s.kernel / 2, m.has_bias());
    op.segments = s.segments;
    op.prologue = match s.norm {
        None => Prologue::None,
        Some(false) => Prologue::Scale,
        Some(true) => Prologue::Standardise,
    };
    op.scale = s.scale;
    op.activation = KINDS[s.activation].0;
    op.gate = s.gate.map(|i| KINDS[i].0);
    op.residual = s.residual;
    op.f32_out = s.f32_out;

    let mut operands = vec![s.input.clone()];
    if s.norm.is_some() {
        operands.push(Input::new(shape.n, shape.h, shape.w, &[4]).f32().range(0.25, 1.5));
    }
    if s.scale {
        operands.push(Input::new(shape.n, 1, 1, inputs.segments()).range(0.0, 2.0));
    }
    if s.residual {
        operands.push(Input::new(shape.n, shape.h, shape.w, kept.segments()));
    }
    let (from, to) = (inputs.logical(), outputs.logical());
    let stored = s.rows.map_or(to, |r| r.1 + 3);
    let reach = 1.0 / f64::from(from * s.kernel * s.kernel).sqrt();
    let copy = s.clone();
    let mut out = Case::new(s.name, op, operands, Tolerance::Sum, move |g| reference(&copy, g))
        .weight("weight", &[stored, from, s.kernel, s.kernel], -reach, reach)
        .param(Pack::Matrix(m.clone()));
    for (present, key, count) in
        [(s.bias, "bias", stored), (s.gamma, "gamma", from), (s.beta, "beta", from), (s.out_scale, "out_scale", to)]
    {
        if present {
            out = out.weight(key, &[count], -1.0, 1.5);
        }
    }
    if m.has_bias() { out.param(Pack::Bias(m)) } else { out }
}

pub fn cases() -> Vec<Case> {
    let x = || Input::new(2, 3, 7, &[13]);
    let mut out = vec![
        Spec { norm: Some(true), gamma: true, beta: true, ..spec("norm with bias", x(), &[10]) },
        Spec { norm: Some(true), gamma: true, beta: true, bias: true, ..spec("norm and own bias", x(), &[33]) },
        Spec { norm: Some(false), gamma: true, ..spec("norm without bias", x(), &[10]) },
        Spec { norm: Some(true), ..spec("norm without weight", Input::new(1, 9, 9, &[48]), &[96]) },
        Spec { scale: true, ..spec("factor per channel", x(), &[9]) },
        Spec { norm: Some(true), scale: true, residual: true, ..spec("norm, factor, residual", x(), &[13]) },
        Spec { scale: true, out_scale: true, bias: true, residual: true, ..spec("both factors, residual", x(), &[13]) },
        Spec { bias: true, residual: true, ..spec("residual of 3 segments", x(), &[5, 1, 8]) },
        Spec { gate: Some(0), bias: true, ..spec("simple gate", x(), &[6, 6]) },
        Spec { gate: Some(2), ..spec("gelu gate of 127 + 127", Input::new(1, 4, 5, &[9]), &[127, 127]) },
        Spec { gate: Some(3), bias: true, residual: true, ..spec("silu gate, residual", x(), &[21, 21]) },
        Spec {
            norm: Some(true),
            gamma: true,
            beta: true,
            bias: true,
            gate: Some(0),
            ..spec("norm in front of a gate", Input::new(1, 5, 5, &[16]), &[40, 40])
        },
        Spec { kernel: 3, gate: Some(2), bias: true, ..spec("3x3 then gate", Input::new(1, 5, 6, &[5]), &[7, 7]) },
        Spec { kernel: 3, residual: true, bias: true, ..spec("3x3 then residual", Input::new(2, 4, 7, &[6]), &[6]) },
        Spec { f32_out: true, residual: true, kernel: 3, ..spec("f32 output", Input::new(1, 6, 5, &[8]), &[3]) },
        // Two quads of a lane lie side by side in the residual and in the output; more rows than a tile.
        Spec { bias: true, residual: true, ..spec("residual of pairs", Input::new(2, 5, 7, &[13]), &[40]) },
        Spec { bias: true, residual: true, ..spec("residual of a half panel", Input::new(2, 23, 23, &[5]), &[80]) },
        Spec { f32_out: true, residual: true, ..spec("f32 output of pairs", Input::new(1, 5, 7, &[13]), &[40]) },
        Spec { rows: Some((5, 14)), bias: true, ..spec("rows of a fused projection", x(), &[9]) },
        Spec { segments: Some((1, 3)), ..spec("middle segments", Input::new(2, 3, 3, &[5, 6, 7, 2]), &[11]) },
        Spec { norm: Some(true), ..spec("norm on one pixel", Input::new(1, 1, 1, &[3]), &[5]) },
        // Its output in f32: matrices of f16 round the operand too, and both roundings of a single number may be the worst.
        Spec { norm: Some(true), f32_out: true, ..spec("norm on one number", Input::new(1, 1, 1, &[1]), &[1]) },
    ];
    // Enough work to keep weights in private arrays.
    let large = |c| Input::new(2, 33, 32, &[c]);
    out.extend([
        Spec {
            norm: Some(true),
            gamma: true,
            scale: true,
            bias: true,
            residual: true,
            ..spec("norm, factor and residual over two slabs", large(254), &[142])
        },
        Spec {
            norm: Some(false),
            bias: true,
            gate: Some(2),
            ..spec("norm in front of a gate, resident", large(62), &[250, 250])
        },
        Spec {
            norm: Some(true),
            scale: true,
            bias: true,
            residual: true,
            ..spec("norm, factor and residual of two rows a load", Input::new(1, 157, 159, &[30]), &[32])
        },
        // Drivers of coarse pieces hold all of these at once, others two of them.
        Spec { norm: Some(true), bias: true, gate: Some(0), ..spec("gated, 190 at once", large(190), &[46, 46]) },
        Spec { norm: Some(true), bias: true, gate: Some(0), ..spec("gated, 254 at once", large(254), &[46, 46]) },
        Spec { norm: Some(true), bias: true, gate: Some(0), ..spec("gated, 382 at once", large(382), &[46, 46]) },
        Spec { norm: Some(true), bias: true, gate: Some(0), ..spec("gated, 510 at once", large(510), &[46, 46]) },
        Spec { bias: true, activation: 2, ..spec("gelu after two slabs", large(254), &[120]) },
        // From an odd quad on, so that none of the loads of two quads fits.
        Spec {
            segments: Some((1, 2)),
            norm: None,
            bias: true,
            ..spec("resident, of the second segment", Input::new(2, 33, 32, &[4, 62]), &[280])
        },
        Spec { kernel: 3, residual: true, f32_out: true, ..spec("3x3 over four slabs", large(94), &[40]) },
        Spec { kernel: 3, residual: true, activation: 1, bias: true, ..spec("3x3 sliding", large(48), &[46]) },
        Spec {
            kernel: 3,
            segments: Some((1, 2)),
            bias: true,
            ..spec("3x3 sliding over the second segment", Input::new(2, 33, 32, &[8, 47]), &[46])
        },
    ]);
    for (i, name) in ["relu", "gelu", "silu", "sigmoid", "quick gelu"].into_iter().enumerate() {
        // Sigmoid leaves a half in padding lanes, so it is asked for whole quads.
        let width = if i == 3 { 12 } else { 11 };
        out.push(Spec { activation: i + 1, bias: true, ..spec(name, x(), &[width]) });
    }
    out.push(Spec { activation: 1, residual: true, ..spec("relu before the residual", x(), &[7]) });
    out.into_iter().map(case).collect()
}
