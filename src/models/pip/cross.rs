//! Channel attention whose queries and keys come from different tensors.

use crate::base::{Channels, Result};
use crate::checkpoint::prepack::Pack;
use crate::kernel::TensorId;
use crate::nn::Build;
use crate::nn::channel_attention::{attend, attend_with, head_channels};
use crate::nn::layers::Conv;
use crate::ops::attention::channel_topm::ChannelTopm;

/// What the attention map is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// The softmax of all logits.
    All,
    /// Softmaxes over the largest logits, blended by `attn1` to `attn4`.
    Topm,
}

/// Keys `q`, `q_dwconv`, `kv`, `kv_dwconv`, `temperature`, `project_out`; queries from `x`, keys and values from `kv`, both
/// `[n, h, w, C]`.
pub fn cross_attention(
    b: &mut Build<'_>,
    path: &str,
    (x, kv): (TensorId, TensorId),
    heads: u32,
    bias: bool,
    kept: Kept,
) -> Result<TensorId> {
    let at = |name: &str| format!("{path}.{name}");
    let out = b.shape(x).c;
    let c = head_channels(path, out.logical(), heads)?;
    let q = b.conv(&at("q"), x, Conv::point(Channels::repeat(c, heads), bias))?;
    let q = b.depthwise(&at("q_dwconv"), q, 3, bias)?;
    let kv = b.conv(&at("kv"), kv, Conv::point(Channels::repeat(c, 2 * heads), bias))?;
    let kv = b.depthwise(&at("kv_dwconv"), kv, 3, bias)?;
    let (k, v) = ((kv, 0), (kv, heads as usize));
    if kept == Kept::All {
        return attend(b, path, heads, bias, out, (q, 0), k, v);
    }
    let mut blend = Vec::with_capacity(4);
    for i in 1..=4 {
        let key = at(&format!("attn{i}"));
        b.expect_weight(&key, &[1])?;
        blend.push(b.graph.param(Pack::Flat { key }));
    }
    attend_with(b, path, heads, bias, out, (q, 0), k, v, &mut |b, path, gram, temperature, channels| {
        let params = [vec![temperature], blend.clone()].concat();
        b.graph.add(path, ChannelTopm { heads, channels }, &[gram], &params)
    })
}
