//! Convolutions and matrix products of all shapes; what is fused around them is in `fused`.

use vernis::base::Channels;
use vernis::checkpoint::prepack::{Matrix, Pack};
use vernis::ops::matmul::contract::Contract;

use super::fused;
use crate::reference::matmul::contract::{Conv, conv};
use crate::support::case::{Case, Input};
use crate::support::compare::Tolerance;

/// The matrix of a convolution with the keys "weight" and "bias".
pub fn matrix(inputs: &Channels, outputs: &Channels, kernel: u32, bias: bool) -> Matrix {
    Matrix {
        weight: "weight".into(),
        bias: bias.then(|| "bias".into()),
        rows: None,
        columns: None,
        kernel: (kernel, kernel),
        inputs: inputs.clone(),
        outputs: outputs.clone(),
        gamma: None,
        beta: None,
        out_scale: None,
        gated: false,
        swapped: false,
    }
}

/// A convolution of uniform values.
pub fn case(name: &str, input: Input, out: &[u32], kernel: u32, stride: u32, pad: u32, bias: bool) -> Case {
    let (inputs, outputs) = (input.shape.c.clone(), Channels::split(Vec::from(out)));
    let (from, to) = (inputs.logical(), outputs.logical());
    let m = matrix(&inputs, &outputs, kernel, bias);
    let op = Contract::conv(outputs, kernel, stride, pad, bias);
    let reference = move |g: &crate::support::case::Given| {
        let p = Conv {
            weight: g.weight("weight"),
            bias: g.optional("bias"),
            out: to as usize,
            k: kernel as usize,
            stride: stride as usize,
            pad: pad as usize,
        };
        conv(&g.inputs[0], &p)
    };
    let reach = 1.0 / f64::from(from * kernel * kernel).sqrt();
    let mut out = Case::new(name, op, vec![input], Tolerance::Sum, reference)
        .weight("weight", &[to, from, kernel, kernel], -reach, reach)
        .param(Pack::Matrix(m.clone()));
    if bias {
        out = out.weight("bias", &[to], -1.0, 1.0).param(Pack::Bias(m));
    }
    out
}

pub fn cases() -> Vec<Case> {
    vec![
        case("1x1", Input::new(2, 5, 7, &[7]), &[9], 1, 1, 0, true),
        case("1x1 on one pixel, one channel", Input::new(1, 1, 1, &[1]), &[1], 1, 1, 0, false),
        case("1x1 wide", Input::new(1, 3, 11, &[48]), &[144], 1, 1, 0, false),
        case("1x1 to more columns than a panel of any family", Input::new(1, 2, 5, &[20]), &[150], 1, 1, 0, true),
        case("1x1 from 127 + 127", Input::new(1, 3, 5, &[127, 127]), &[31], 1, 1, 0, true),
        case("1x1 to 127 + 127", Input::new(1, 3, 5, &[10]), &[127, 127], 1, 1, 0, true),
        case("1x1 to segments of one head each", Input::new(2, 4, 4, &[6, 6, 6]), &[5, 5, 5, 5], 1, 1, 0, false),
        case("linear on tokens", Input::new(2, 1, 77, &[33]), &[17], 1, 1, 0, true),
        case("3x3", Input::new(2, 6, 5, &[3]), &[10], 3, 1, 1, true),
        case("3x3 on one pixel", Input::new(1, 1, 1, &[5]), &[4], 3, 1, 1, true),
        case("3x3 without padding", Input::new(1, 5, 6, &[4]), &[4], 3, 1, 0, false),
        case("3x3 stride 2, odd size", Input::new(1, 7, 9, &[6]), &[7], 3, 2, 1, true),
        case("2x2 stride 2", Input::new(2, 6, 8, &[5]), &[10], 2, 2, 0, true),
        case("2x2 stride 2, odd size", Input::new(1, 7, 5, &[4]), &[8], 2, 2, 0, false),
        case("1x1 stride 2", Input::new(1, 5, 7, &[8]), &[4], 1, 2, 0, false),
        case("5x5 with padding 2", Input::new(1, 4, 7, &[3]), &[5], 5, 1, 2, true),
        case("4x4 stride 4", Input::new(1, 8, 12, &[3]), &[6], 4, 4, 0, true),
        // Enough rows for a dispatch of its own for a last panel that is half empty.
        case("1x1 to one and a half panels", Input::new(1, 31, 34, &[12]), &[96], 1, 1, 0, true),
        case("3x3 to two and a ragged half panels", Input::new(2, 23, 23, &[3]), &[71, 70], 3, 1, 1, true),
        // Enough work to keep weights in private arrays: one slab of K and several, each length of a slab, half panels.
        case("1x1 from 29", Input::new(1, 74, 71, &[29]), &[640], 1, 1, 0, true),
        case("1x1 from 30 to half a panel, two rows a load", Input::new(1, 157, 159, &[30]), &[32], 1, 1, 0, true),
        case("3x3 from 3 to half a panel", Input::new(1, 157, 159, &[3]), &[32], 3, 1, 1, true),
        case("1x1 from 46, loads of two quads by six lanes", Input::new(1, 61, 67, &[46]), &[254], 1, 1, 0, true),
        case("1x1 from 50, ragged", Input::new(1, 61, 67, &[50]), &[254], 1, 1, 0, true),
        case("1x1 from 190 to panels and a half", Input::new(1, 33, 32, &[190]), &[270], 1, 1, 0, true),
        case("1x1 from 254, two slabs and a half panel", Input::new(1, 33, 32, &[254]), &[270], 1, 1, 0, true),
        case("1x1 from 127 + 127 of two images", Input::new(2, 31, 37, &[127, 127]), &[96], 1, 1, 0, false),
        case("3x3 from 38, three slabs", Input::new(1, 47, 45, &[38]), &[71, 70], 3, 1, 1, true),
        // And to slide along the rows of a picture: whole blocks of the output, four quads that are left, a ragged block.
        case("3x3 from 24 to blocks and four quads", Input::new(1, 47, 45, &[24]), &[71, 70], 3, 1, 1, true),
        case("3x3 from 46 to half a block", Input::new(1, 181, 67, &[46]), &[14], 3, 1, 1, true),
        case("3x3 from 64 of two images, two slabs", Input::new(2, 33, 31, &[64]), &[25], 3, 1, 1, true),
        case("3x3 on a narrow picture", Input::new(1, 475, 5, &[31]), &[40], 3, 1, 1, false),
        case("3x3 on one row", Input::new(1, 1, 1031, &[48]), &[64], 3, 1, 1, true),
        case("2x2 stride 2 of two images", Input::new(2, 64, 63, &[36]), &[200], 2, 2, 0, true),
        // 65,537 tiles of 16 rows.
        case("more workgroups than an axis holds", Input::new(1, 1024, 1025, &[2]), &[3], 1, 1, 0, true).large(),
    ]
}

#[test]
fn convolves() {
    crate::support::case::check(cases(), &crate::support::gpu::contractions());
}

#[test]
fn computes_what_is_fused_around_it() {
    crate::support::case::check(fused::cases(), &crate::support::gpu::contractions());
}
