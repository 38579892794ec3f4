//! How a prompt changes the features of a skip connection, in the four modes that the official code can run.

use super::cross::{Kept, cross_attention};
use super::prompt::with_channels;
use super::{Config, Mode};
use crate::base::Result;
use crate::kernel::TensorId;
use crate::models::restormer;
use crate::nn::layers::Conv;
use crate::nn::{Build, NormKind};
use crate::ops::Activation;
use crate::ops::elementwise::dual_gate::DualGate;
use crate::ops::resample::channel_slice::ChannelSlice;

/// Features `x` `[n, h, w, C]` and prompt `p` `[n, h, w, D]` of `level` (0..=2): `[n, h, w, C]`.
pub fn interact(b: &mut Build<'_>, c: &Config, level: usize, x: TensorId, p: TensorId) -> Result<TensorId> {
    let path = format!("low_prompt_interaction_level{}", level + 1);
    let y = match c.mode {
        Mode::Convgate => conv_gate(b, &path, x, p)?,
        Mode::PromptirGate => transformer_gate(b, &path, c, x, p)?,
        Mode::Cross => cross(b, &format!("{path}.prompt_transformer_cross"), c, (x, p), Kept::All)?,
        Mode::CrossTopm => cross(b, &format!("{path}.prompt_transformer_cross"), c, (x, p), Kept::Topm)?,
    };
    b.tap(&path, y);
    Ok(y)
}

/// A convolution that has a bias if the checkpoint gives it one.
fn conv(b: &mut Build<'_>, path: &str, x: TensorId, out: u32, kernel: u32) -> Result<TensorId> {
    let bias = b.has(&format!("{path}.bias"));
    b.conv(path, x, Conv::same(out, kernel, bias))
}

/// `x * sigmoid(conv2 m) + conv3 m`, `m = conv1 p`.
fn conv_gate(b: &mut Build<'_>, path: &str, x: TensorId, p: TensorId) -> Result<TensorId> {
    let at = |name: &str| format!("{path}.{name}");
    let (c, d) = (b.shape(x).c.logical(), b.shape(p).c.logical());
    let m = conv(b, &at("conv1"), p, d, 3)?;
    let gate = conv(b, &at("conv2"), m, c, 3)?;
    let gate = b.activate(&at("sigmoid"), gate, Activation::Sigmoid)?;
    let noise = conv(b, &at("conv3"), m, c, 3)?;
    let t = b.product(&at("gated"), x, gate)?;
    b.sum(&at("add"), t, noise)
}

/// `x * sigmoid(gate m) + noise m`, m a Restormer block over features and prompt.
fn transformer_gate(b: &mut Build<'_>, path: &str, c: &Config, x: TensorId, p: TensorId) -> Result<TensorId> {
    let at = |name: &str| format!("{path}.{name}");
    let channels = b.shape(x).c.logical();
    let block = at("prompt_transformer");
    let with_bias = b.has(&format!("{block}.norm1.body.bias"));
    let norm = if with_bias { NormKind::WithBias } else { NormKind::BiasFree };
    let bias = b.has(&format!("{block}.attn.qkv.bias"));
    let m = b.concat(&at("concat"), x, p)?;
    let m = restormer::block(b, &block, m, c.trunk.heads[2], bias, norm)?;
    let gate = conv(b, &at("gate_reduce_channel"), m, channels, 3)?;
    let gate = b.activate(&at("sigmoid"), gate, Activation::Sigmoid)?;
    let noise = conv(b, &at("noise_channel_reduce"), m, channels, 1)?;
    let t = b.product(&at("gated"), x, gate)?;
    b.sum(&at("add"), t, noise)
}

/// Cross-attention of the normalised features over the prompt, which has as many channels, fewer, or more. The residual
/// is the normalised value: x itself goes no further.
fn cross(b: &mut Build<'_>, path: &str, c: &Config, (x, p): (TensorId, TensorId), kept: Kept) -> Result<TensorId> {
    let at = |name: &str| format!("{path}.{name}");
    let xq = b.body_norm(&at("norm11"), x, c.trunk.norm)?;
    let kv = b.body_norm(&at("norm12"), p, c.trunk.norm)?;
    let channels = b.shape(x).c;
    let (own, prompt) = (channels.logical(), b.shape(p).c.logical());
    // Fewer features than prompt channels: zeros, taken away again by a 1x1 convolution. More: the rest passes by.
    let q = with_channels(b, &at("attn.channels"), xq, prompt)?;
    let t = cross_attention(b, &at("attn"), (q, kv), c.trunk.heads[2], c.trunk.bias, kept)?;
    let mut a = b.sum(&at("add1"), q, t)?;
    if own < prompt {
        a = b.conv(&at("reduce_channel"), a, Conv::point(channels, false))?;
    } else if own > prompt {
        let rest = ChannelSlice { first: prompt, channels: own - prompt };
        let rest = b.graph.add(&at("rest"), rest, &[xq], &[])?;
        a = b.concat(&at("concat"), a, rest)?;
    }
    let t = b.body_norm(&at("norm2"), a, c.trunk.norm)?;
    let t = dual_ffn(b, &at("ffn"), t, c.trunk.bias)?;
    b.sum(&at("add2"), a, t)
}

/// GDFN with a gate that both halves pass.
fn dual_ffn(b: &mut Build<'_>, path: &str, x: TensorId, bias: bool) -> Result<TensorId> {
    let at = |name: &str| format!("{path}.{name}");
    let out = b.shape(x).c;
    let hidden = b.weight_outputs(&at("project_in.weight"))? / 2;
    let t = b.conv(&at("project_in"), x, Conv::point(crate::base::Channels::repeat(hidden, 2), bias))?;
    let t = b.depthwise(&at("dwconv"), t, 3, bias)?;
    let t = b.graph.add(&at("gate"), DualGate { activation: Activation::Gelu }, &[t], &[])?;
    b.conv(&at("project_out"), t, Conv::point(out, bias))
}
