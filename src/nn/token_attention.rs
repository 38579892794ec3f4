//! Multi-head attention over tokens with separate q, k and v projections (GenLV's SpatCrossAttn, the text tower, the
//! diffusion UNet).

use crate::base::{Channels, Result};
use crate::kernel::TensorId;
use crate::nn::Build;
use crate::nn::channel_attention::head_channels;
use crate::nn::layers::Conv;
use crate::ops::attention::global_attention::GlobalAttention;

/// Keys `to_q`, `to_k`, `to_v` without bias, `to_out.0` with bias. Queries from `x`, keys from `k`, values from `v`.
pub fn token_attention(
    b: &mut Build<'_>,
    path: &str,
    x: TensorId,
    k: TensorId,
    v: TensorId,
    heads: u32,
) -> Result<TensorId> {
    let out = b.shape(x).c;
    let q = project_heads(b, &format!("{path}.to_q"), x, heads, false)?;
    let k = project_heads(b, &format!("{path}.to_k"), k, heads, false)?;
    let v = project_heads(b, &format!("{path}.to_v"), v, heads, false)?;
    let t = attend_heads(b, path, (q, k, v), heads, false)?;
    let y = b.conv(&format!("{path}.to_out.0"), t, Conv::point(out, true))?;
    b.tap(path, y);
    Ok(y)
}

/// A linear layer whose result has one channel segment a head; its width is read from the checkpoint.
pub fn project_heads(b: &mut Build<'_>, path: &str, x: TensorId, heads: u32, bias: bool) -> Result<TensorId> {
    let inner = b.weight_outputs(&format!("{path}.weight"))?;
    let c = head_channels(path, inner, heads)?;
    b.conv(path, x, Conv::point(Channels::repeat(c, heads), bias))
}

/// softmax(q k^T / sqrt(c)) v of projected tokens; causal if a token sees only those up to itself.
pub fn attend_heads(
    b: &mut Build<'_>,
    path: &str,
    (q, k, v): (TensorId, TensorId, TensorId),
    heads: u32,
    causal: bool,
) -> Result<TensorId> {
    let channels = b.shape(q).c.segments()[0];
    let op = GlobalAttention { heads, channels, segments: (0, 0, 0), causal };
    b.graph.add(&format!("{path}.attention"), op, &[q, k, v], &[])
}
