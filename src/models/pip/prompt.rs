//! PromptInPrompt: a prompt picture of the checkpoint attends to the features, which are weighted by a blend of the
//! prompts of the degradation classes.

use super::Config;
use super::cross::{Kept, cross_attention};
use crate::base::Result;
use crate::checkpoint::prepack::Pack;
use crate::kernel::TensorId;
use crate::nn::layers::Conv;
use crate::nn::{Build, NormKind, gdfn};
use crate::ops::reduce::weighted_rows::WeightedRows;
use crate::ops::resample::channel_slice::ChannelSlice;
use crate::ops::resample::stored::Stored;

/// Channels and side of the prompt of a level.
#[derive(Debug, Clone, Copy)]
struct Size {
    dim: u32,
    side: u32,
}

/// The prompt of `level` (0..=2) for its features `[n, h, w, C]`: `[n, h, w, dim]`. `weights` are the class weights
/// `[n, 1, 1, K]`.
pub fn prompt(b: &mut Build<'_>, c: &Config, level: usize, features: TensorId, weights: TensorId) -> Result<TensorId> {
    let path = format!("prompt{}", level + 1);
    let at = |name: &str| format!("{path}.{name}");
    let size = Size { dim: c.low_prompt_dims[level], side: c.low_prompt_sizes[level] };
    let shape = b.shape(features);

    // The official code takes the mean over the classes, so that one class alone counts 1 / K.
    let key = at("detask_prompt_param");
    b.expect_weight(&key, &[1, c.degradation_num, size.dim])?;
    let table = b.graph.param(Pack::Table { key, channels: crate::base::Channels::one(size.dim) });
    let blend = WeightedRows { channels: size.dim, factor: 1.0 / c.degradation_num as f32 };
    let blend = b.graph.add(&at("detask"), blend, &[weights], &[table])?;

    let t = resized(b, &at("features"), features, (size.side, size.side))?;
    let t = with_channels(b, &at("features.channels"), t, size.dim)?;
    let t = b.product(&at("features.detask"), t, blend)?;
    let own = picture(b, &at("low_prompt_param"), weights, size)?;
    let t = guidance(b, &at("LGM"), own, t)?;
    b.tap(&at("LGM"), t);

    let t = resized(b, &at("resized"), t, (shape.h, shape.w))?;
    let y = b.conv(&at("outconv"), t, Conv::same(size.dim, 3, false))?;
    b.tap(&at("0"), y);
    Ok(y)
}

/// `path`: `[1, dim, side, side]`, once for each image of `like`.
fn picture(b: &mut Build<'_>, path: &str, like: TensorId, size: Size) -> Result<TensorId> {
    let Size { dim, side } = size;
    b.expect_weight(path, &[1, dim, side, side])?;
    // Depthwise weights of this size have the layout of a picture: taps are pixels.
    let channels = crate::base::Channels::one(dim);
    let param = b.graph.param(Pack::Depthwise { weight: path.to_owned(), kernel: side, channels });
    b.add(path, Stored { h: side, w: side, channels: dim }, &[like], &[param])
}

/// The block that joins prompt and features, whatever the configuration of the backbone: two heads, no biases but those
/// of the norms.
fn guidance(b: &mut Build<'_>, path: &str, own: TensorId, features: TensorId) -> Result<TensorId> {
    let at = |name: &str| format!("{path}.{name}");
    let q = b.body_norm(&at("norm11"), own, NormKind::WithBias)?;
    let kv = b.body_norm(&at("norm12"), features, NormKind::WithBias)?;
    let t = cross_attention(b, &at("attn"), (q, kv), 2, false, Kept::All)?;
    let x = b.sum(&at("add1"), own, t)?;
    let t = b.body_norm(&at("norm2"), x, NormKind::WithBias)?;
    let t = gdfn(b, &at("ffn"), t, false)?;
    b.sum(&at("add2"), x, t)
}

fn resized(b: &mut Build<'_>, path: &str, x: TensorId, (h, w): (u32, u32)) -> Result<TensorId> {
    let s = b.shape(x);
    if (s.h, s.w) == (h, w) { Ok(x) } else { b.resize(path, x, h, w) }
}

/// The first `channels` channels, with zeros where x has fewer.
pub fn with_channels(b: &mut Build<'_>, path: &str, x: TensorId, channels: u32) -> Result<TensorId> {
    if b.shape(x).c.logical() == channels {
        return Ok(x);
    }
    b.graph.add(path, ChannelSlice { first: 0, channels }, &[x], &[])
}
