//! The configuration that the keys and shapes of an X-Restormer checkpoint imply.

use serde_json::{Value, json};

use super::config::NAMES;
use crate::checkpoint::StateDict;
use crate::models::keys::axis;
use crate::models::trunk;

/// Key window, head width and heads of the window attention of `path`.
pub fn window_shape(dict: &StateDict, path: &str) -> Option<(u64, u64, u64)> {
    let table = format!("{path}.rel_pos_emb.rel_height");
    let (rows, dh) = (axis(dict, &table, 0)?, axis(dict, &table, 1)?);
    let inner = axis(dict, &format!("{path}.qkv.weight"), 0)? / 3;
    Some((rows.div_ceil(2), dh, inner.checked_div(dh)?))
}

/// Query window for a key window, at the published overlap ratio of one half.
pub fn query_window(overlap: u64) -> Option<u64> {
    (1..=overlap).find(|ws| ws + ws / 2 == overlap)
}

pub fn detect(dict: &StateDict) -> Option<Value> {
    let stages = ["encoder_level1", "encoder_level2", "encoder_level3", "latent"];
    let windows = stages.map(|s| window_shape(dict, &format!("{s}.0.spatial_attn")));
    let windows: Vec<_> = windows.into_iter().collect::<Option<_>>()?;
    let (overlap, dh, _) = windows[0];
    let own = json!({
        "out_channels": axis(dict, "output.weight", 0)?,
        "spatial_heads": windows.iter().map(|w| w.2).collect::<Vec<_>>(),
        "overlap_ratio": [0.5, 0.5, 0.5, 0.5],
        "window_size": query_window(overlap)?,
        "spatial_dim_head": dh,
        "dual_pixel_task": false,
        "scale": 1,
    });
    trunk::detect(dict, &NAMES, own)
}
