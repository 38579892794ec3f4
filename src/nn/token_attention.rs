//! Multi-head attention over tokens with separate q, k and v projections (GenLV's SpatCrossAttn, the UNet's attention).

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
    let inner = b.weight_shape(&format!("{path}.to_q.weight"))?[0];
    let c = head_channels(path, inner, heads)?;
    let split = || Conv::point(Channels::repeat(c, heads), false);
    let q = b.conv(&format!("{path}.to_q"), x, split())?;
    let k = b.conv(&format!("{path}.to_k"), k, split())?;
    let v = b.conv(&format!("{path}.to_v"), v, split())?;
    let op = GlobalAttention { heads, channels: c, segments: (0, 0, 0), causal: false };
    let t = b.graph.add(&format!("{path}.attention"), op, &[q, k, v], &[])?;
    let y = b.conv(&format!("{path}.to_out.0"), t, Conv::point(out, true))?;
    b.tap(path, y);
    Ok(y)
}
