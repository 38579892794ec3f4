//! Contractions that go on over low-rank products, `W x + B (factors * A x)`, against the convolution with merged
//! weights.

use vernis::base::Channels;
use vernis::checkpoint::low_rank::{Addition, LowRank};
use vernis::checkpoint::prepack::{Matrix, Pack};
use vernis::ops::Activation;
use vernis::ops::matmul::contract::{Contract, Prologue};

use super::contract::matrix;
use super::merge::term;
use crate::reference::Plain;
use crate::reference::elementwise::binary::binary;
use crate::reference::elementwise::gate::gate;
use crate::reference::matmul::contract::{Conv, affine, conv, standardise};
use crate::reference::matmul::merge::merge;
use crate::support::case::{Case, Given, Input};
use crate::support::compare::Tolerance;
use crate::table::elementwise::activation::KINDS;

struct Spec {
    input: Input,
    out: Vec<u32>,
    kernel: u32,
    rank: u32,
    bias: bool,
    norm: bool,
    gated: bool,
    residual: bool,
}

fn spec(input: Input, out: &[u32], kernel: u32, rank: u32) -> Spec {
    Spec { input, out: out.to_vec(), kernel, rank, bias: false, norm: false, gated: false, residual: false }
}

/// Each image by a convolution with weights of its own.
fn reference(s: &Spec, g: &Given) -> Plain {
    let mut next = g.inputs.iter();
    let (x, factors) = (next.next().expect("x"), next.next().expect("factors"));
    let mut x = x.clone();
    if s.norm {
        x = standardise(&x, next.next().expect("statistics"), true);
        x = affine(&x, g.optional("gamma"), g.optional("beta"));
    }
    let all: Vec<Plain> = (0..x.n)
        .map(|n| {
            let own: Vec<f64> = (0..factors.c).map(|r| factors.at(n, r, 0, 0)).collect();
            let weight = merge(g.weight("weight"), g.weight("a"), g.weight("b"), &own);
            let k = s.kernel as usize;
            let out = s.out.iter().sum::<u32>() as usize;
            conv(&x, &Conv { weight: &weight, bias: g.optional("bias"), out, k, stride: 1, pad: k / 2 })
        })
        .collect();
    let (c, h, w) = (all[0].c, all[0].h, all[0].w);
    let mut y = Plain::fill(x.n, c, h, w, |n, c, y, i| all[n].at(n, c, y, i));
    if s.gated {
        y = gate(&y, KINDS[2].1, false);
    }
    if s.residual { binary(&y, next.next().expect("residual"), false) } else { y }
}

fn case(name: &str, s: Spec) -> Case {
    let channels = s.input.shape.c.clone();
    let outputs = Channels::split(s.out.clone());
    let (n, h, w) = (s.input.shape.n, s.input.shape.h, s.input.shape.w);
    let own = if s.gated { Channels::one(s.out[0]) } else { outputs.clone() };
    let (inputs_count, outputs_count, rank, kernel) = (channels.logical(), outputs.logical(), s.rank, s.kernel);
    let fold = |on: bool, key: &str| on.then(|| key.to_owned());
    let m = Matrix {
        gamma: fold(s.norm, "gamma"),
        beta: fold(s.norm, "beta"),
        gated: s.gated,
        ..matrix(&channels, &outputs, kernel, s.bias)
    };
    let low = LowRank { matrix: m.clone(), terms: vec![term(rank)] };
    let mut inputs = vec![s.input.clone(), Input::new(n, 1, 1, &[rank])];
    if s.norm {
        inputs.push(Input::new(n, h, w, &[4]).f32().range(0.5, 1.5));
    }
    if s.residual {
        let mut like = Input::new(n, h, w, &[1]);
        like.shape.c = own.clone();
        inputs.push(like);
    }
    let (bias, norm, gated, residual) = (s.bias, s.norm, s.gated, s.residual);
    let has_bias = m.has_bias();
    let case = Case::chain(
        name,
        inputs,
        Tolerance::Sum,
        move |g, x, p| {
            let prologue = if norm { Prologue::Standardise } else { Prologue::None };
            let stats = norm.then(|| x[2]);
            let plain = Contract::conv(Channels::one(rank), kernel, 1, kernel / 2, norm);
            let inner = Contract { prologue, factors: true, ..plain };
            let operands: Vec<_> = [x[0]].into_iter().chain(stats).chain([x[1]]).collect();
            let h = g.add("low", inner, &operands, &p[..1 + usize::from(norm)])?;
            let op = Contract {
                prologue,
                residual,
                low_rank: true,
                gate: gated.then_some(Activation::Gelu),
                ..Contract::conv(own.clone(), kernel, 1, kernel / 2, has_bias)
            };
            let last = x.len() - 1;
            let operands: Vec<_> =
                [x[0]].into_iter().chain(stats).chain(residual.then(|| x[last])).chain([h]).collect();
            g.add("case", op, &operands, &p[1 + usize::from(norm)..])
        },
        move |g| reference(&s, g),
    );
    let mut case = case
        .weight("weight", &[outputs_count, inputs_count, kernel, kernel], -0.5, 0.5)
        .weight("a", &[rank, inputs_count, kernel, kernel], -0.5, 0.5)
        .weight("b", &[outputs_count, rank, 1, 1], -0.5, 0.5)
        .param(Pack::Addition(Addition::Inner(low.clone())));
    if norm {
        case = case
            .weight("gamma", &[inputs_count], 0.5, 1.5)
            .weight("beta", &[inputs_count], -1.0, 1.0)
            .param(Pack::Addition(Addition::InnerBias(low.clone())));
    }
    case = case.param(Pack::Addition(Addition::Extended(low)));
    if bias {
        case = case.weight("bias", &[outputs_count], -1.0, 1.0);
    }
    if has_bias { case.param(Pack::Bias(m)) } else { case }
}

pub fn cases() -> Vec<Case> {
    vec![
        case("1x1, each image its own", spec(Input::new(2, 5, 7, &[12]), &[20], 1, 4)),
        case("1x1, odd everything", Spec { bias: true, ..spec(Input::new(3, 3, 11, &[7]), &[9], 1, 5) }),
        case("1x1, wide rank", spec(Input::new(1, 9, 9, &[16]), &[40], 1, 70)),
        case("3x3", spec(Input::new(2, 6, 5, &[5]), &[10], 3, 3)),
        case(
            "3x3 with bias and residual",
            Spec { bias: true, residual: true, ..spec(Input::new(1, 7, 9, &[16]), &[16], 3, 8) },
        ),
        case("after a norm", Spec { norm: true, bias: true, ..spec(Input::new(2, 4, 9, &[10]), &[13], 1, 6) }),
        case("gated", Spec { gated: true, ..spec(Input::new(2, 5, 5, &[8]), &[21, 21], 1, 4) }),
        case("1x1 to a panel and a half", spec(Input::new(2, 9, 9, &[12]), &[88], 1, 5)),
        case("one of each", spec(Input::new(1, 1, 1, &[1]), &[1], 1, 1)),
    ]
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &crate::support::gpu::contractions());
}
