//! OCA, overlapping cross-attention of X-Restormer (Chen et al. 2023).

use crate::base::{Channels, Error, Kind, Result};
use crate::checkpoint::prepack::Pack;
use crate::kernel::TensorId;
use crate::nn::Build;
use crate::nn::layers::Conv;
use crate::ops::attention::window_attention::WindowAttention;

/// Keys `qkv`, `rel_pos_emb.rel_height|rel_width` `[2 ows - 1, dh]`, `project_out`. Head width and key window are read
/// from the relative tables.
pub fn overlapping_window_attention(
    b: &mut Build<'_>,
    path: &str,
    x: TensorId,
    window: u32,
    bias: bool,
) -> Result<TensorId> {
    let out = b.shape(x).c;
    let tables = [format!("{path}.rel_pos_emb.rel_height"), format!("{path}.rel_pos_emb.rel_width")];
    let shape = b.weight_shape(&tables[0])?;
    let bad = |why: String| Err(Error::new(Kind::Checkpoint, format!("{} has the wrong shape", tables[0])).why(why));
    let [rows, dh] = shape[..] else { return bad(format!("expected 2 axes, got {shape:?}")) };
    b.expect_weight(&tables[1], &[rows, dh])?;
    let inner3 = b.weight_outputs(&format!("{path}.qkv.weight"))?;
    if dh == 0 || inner3 % (3 * dh) != 0 || rows % 2 == 0 {
        return bad(format!("{rows} rows of {dh} do not fit {inner3} q, k, v channels"));
    }
    let heads = inner3 / 3 / dh;
    let overlap = rows.div_ceil(2);
    let qkv = b.conv(&format!("{path}.qkv"), x, Conv::point(Channels::repeat(dh, 3 * heads), bias))?;
    let params: Vec<_> =
        tables.iter().map(|key| b.graph.param(Pack::Table { key: key.clone(), channels: Channels::one(dh) })).collect();
    let op = WindowAttention { heads, channels: dh, window, overlap };
    let t = b.graph.add(&format!("{path}.window"), op, &[qkv], &params)?;
    let y = b.conv(&format!("{path}.project_out"), t, Conv::point(out, bias))?;
    b.tap(path, y);
    Ok(y)
}
