//! Shapes are proven when a node is added: the error says which node, what it got and why that does not fit.

use vernis::base::{Channels, DType, Kind, Shape};
use vernis::graph::Graph;
use vernis::kernel::{Target, TensorId};
use vernis::ops::Op;
use vernis::ops::attention::channel_gram::ChannelGram;
use vernis::ops::attention::channel_softmax::ChannelSoftmax;
use vernis::ops::attention::global_attention::GlobalAttention;
use vernis::ops::attention::window_attention::WindowAttention;
use vernis::ops::conv::depthwise::Depthwise;
use vernis::ops::elementwise::binary::Binary;
use vernis::ops::elementwise::gate::Gate;
use vernis::ops::matmul::contract::{Contract, Prologue};
use vernis::ops::norm::layer_norm::LayerNorm;
use vernis::ops::reduce::box_mean::BoxMean;
use vernis::ops::resample::concat::Concat;
use vernis::ops::resample::pixel_shuffle::PixelShuffle;
use vernis::ops::resample::pixel_unshuffle::PixelUnshuffle;
use vernis::ops::resample::resize::Resize;
use vernis::ops::resample::window::Window;
use vernis::ops::{Activation, Storage};

fn refused(op: impl Into<Op>, shapes: &[Shape]) -> String {
    let mut g = Graph::new(Target::core(), DType::F32);
    let inputs: Vec<TensorId> = shapes.iter().enumerate().map(|(i, s)| g.input(&format!("i{i}"), s.clone())).collect();
    let op = op.into();
    let stem = op.stem();
    let error = g.add("level1.0.part", op, &inputs, &[]).expect_err(stem);
    assert_eq!(error.kind(), Kind::Checkpoint, "{stem}");
    let text = error.to_string();
    assert!(text.contains("level1.0.part") && text.contains(stem), "{text}");
    assert!(shapes.iter().all(|s| text.contains(&s.to_string())), "{text}");
    assert!(!error.reason().is_empty(), "{text}");
    text
}

fn segments(s: &[u32]) -> Shape {
    Shape { n: 1, h: 8, w: 8, c: Channels::split(Vec::from(s)) }
}

#[test]
fn operands_that_do_not_fit_are_refused() {
    let x = || Shape::new(1, 8, 8, 6);
    let gate = Gate { activation: Activation::Gelu, swap: false };
    refused(gate.clone(), &[x()]);
    refused(gate, &[segments(&[3, 4])]);
    refused(Binary::ADD, &[x(), Shape::new(1, 8, 7, 6)]);
    refused(Binary::ADD, &[x()]);
    refused(Binary::MULTIPLY, &[x(), Shape::new(2, 1, 1, 6)]);
    refused(Concat, &[x(), Shape::new(1, 4, 8, 6)]);
    refused(PixelShuffle::default(), &[x()]);
    refused(PixelShuffle { residual: true }, &[Shape::new(1, 8, 7, 8), Shape::new(1, 16, 14, 4)]);
    refused(PixelShuffle { residual: true }, &[Shape::new(1, 8, 7, 8)]);
    refused(PixelUnshuffle, &[Shape::new(1, 7, 8, 4)]);
    refused(Resize { h: 0, w: 4, nearest: false }, &[x()]);
    refused(Window::to(3, 0), &[x()]);
    refused(BoxMean { size: 9, vertical: true, storage: Storage::F32 }, &[x()]);
    refused(BoxMean { size: 0, vertical: false, storage: Storage::F32 }, &[x()]);
    refused(LayerNorm { eps: 1e-5, centre: true, weight: false, bias: false }, &[x()]);
    refused(Depthwise::new(4, false), &[x()]);
    refused(Depthwise { gate: Some(Activation::None), ..Depthwise::new(3, false) }, &[x()]);
}

#[test]
fn contractions_that_do_not_fit_are_refused() {
    let x = || Shape::new(1, 8, 8, 6);
    let linear = || Contract::linear(Channels::one(4), false);
    refused(Contract::conv(Channels::one(4), 9, 1, 0, false), &[x()]);
    refused(linear(), &[x(), x()]);
    refused(
        Contract { prologue: Prologue::Scale, ..Contract::conv(Channels::one(4), 3, 1, 1, false) },
        &[x(), Shape::new(1, 8, 8, 4)],
    );
    refused(Contract { residual: true, ..linear() }, &[x()]);
    refused(Contract { residual: true, ..linear() }, &[x(), Shape::new(1, 8, 8, 5)]);
    refused(Contract { scale: true, ..linear() }, &[x(), Shape::new(1, 1, 1, 9)]);
    refused(Contract { dynamic: true, ..linear() }, &[x(), Shape::new(1, 7, 8, 6)]);
}

#[test]
fn attentions_that_do_not_fit_are_refused() {
    let qkv = || segments(&[4; 6]);
    let window = |window, overlap| WindowAttention { heads: 2, channels: 4, window, overlap };
    refused(window(3, 5), &[qkv()]);
    refused(window(8, 7), &[qkv()]);
    refused(window(4, 7), &[qkv()]);
    refused(window(4, 6), &[segments(&[4; 5])]);
    let big = Shape { n: 1, h: 32, w: 32, c: Channels::repeat(4, 6) };
    refused(window(32, 48), &[big]);
    // A row of 12 keys in 16 KiB: 170 channels are 43 quads.
    let wide = WindowAttention { heads: 1, channels: 170, window: 8, overlap: 12 };
    refused(wide, &[segments(&[170; 3])]);
    let global = |segments| GlobalAttention { heads: 2, channels: 4, segments, causal: false };
    refused(global((0, 2, 5)), &[qkv(), qkv(), qkv()]);
    refused(global((0, 0, 0)), &[qkv(), qkv(), Shape { n: 1, h: 4, w: 4, c: Channels::repeat(4, 6) }]);
    refused(ChannelGram { heads: 2, q: 0, k: 5 }, &[qkv(), qkv()]);
    refused(ChannelGram { heads: 2, q: 0, k: 1 }, &[segments(&[4, 4, 5]), segments(&[4, 4, 5])]);
    refused(ChannelSoftmax { heads: 2, channels: 4 }, &[Shape::new(1, 2, 1, 20)]);
}
