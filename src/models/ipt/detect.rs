//! The configuration that the keys and shapes of an IPT checkpoint imply. Two settings leave no trace: the number of
//! attention heads and `pos_every`. They are taken from the published network where all shapes are its shapes, and left
//! open elsewhere.

use serde_json::{Value, json};

use crate::checkpoint::StateDict;
use crate::models::keys::{axis, children};

/// Features, patch side, layers and tile side of the published network, and its heads.
const PUBLISHED: [u64; 4] = [64, 3, 12, 48];
const HEADS: u64 = 12;

fn root(n: u64) -> Option<u64> {
    Some(n.isqrt()).filter(|r| r * r == n && n > 0)
}

/// The magnification of tail `i`: its convolutions widen the features by 4 for each factor of 2, or by 9.
fn scale(dict: &StateDict, i: u64, feats: u64) -> Option<u64> {
    let steps: Vec<u64> =
        (0..8).filter_map(|k| axis(dict, &format!("tail.{i}.0.{k}.weight"), 0)).map(|out| out / feats.max(1)).collect();
    match steps[..] {
        [9] => Some(3),
        ref s if s.iter().all(|f| *f == 4) => Some(1 << s.len()),
        _ => None,
    }
}

pub fn detect(dict: &StateDict) -> Option<Value> {
    if dict.keys().any(|k| k.contains(".lora_")) {
        return None;
    }
    let feats = axis(dict, "head.0.0.weight", 0)?;
    let token = axis(dict, "body.encoder.layers.0.self_attn.in_proj_weight", 1)?;
    let patch_dim = root(token.checked_div(feats)?).filter(|p| p * p * feats == token)?;
    let scales: Option<Vec<u64>> = (0..children(dict, "head")).map(|i| scale(dict, i, feats)).collect();
    let position = axis(dict, "body.position_encoding.pe.weight", 0);
    let query = axis(dict, "body.query_embed.weight", 1).map(|width| width / token);
    // Without positions and queries nothing shows the size of a tile.
    let side = match position.or(query) {
        Some(tokens) => Some(root(tokens)?),
        None => None,
    };
    let layers = children(dict, "body.encoder.layers");
    let tile = side.map(|s| s * patch_dim);
    let published = [Some(feats), Some(patch_dim), Some(layers), tile] == PUBLISHED.map(Some);
    Some(json!({
        "n_feats": feats,
        "n_colors": axis(dict, "head.0.0.weight", 1)?,
        "rgb_range": 255,
        "scale": scales?,
        "patch_size": tile,
        "patch_dim": patch_dim,
        "num_heads": published.then_some(HEADS),
        "num_layers": layers,
        "num_queries": axis(dict, "body.query_embed.weight", 0).unwrap_or(1),
        "dropout_rate": 0,
        "no_norm": !dict.contains("body.encoder.layers.0.norm1.weight"),
        "no_mlp": !dict.contains("body.linear_encoding.weight"),
        "pos_every": (published || position.is_none()).then_some(false),
        "no_pos": position.is_none(),
    }))
}
