//! The blocks, under transformers' names.

use super::{Config, Output};
use crate::base::{Channels, Result};
use crate::kernel::TensorId;
use crate::nn::Build;
use crate::nn::layers::Conv;
use crate::nn::token_attention::{attend_heads, project_heads};

/// The normalised hidden state of each of `outputs`. `root` is put in front of every key: empty, or a prefix that ends
/// in a dot.
pub fn tower(c: &Config, b: &mut Build<'_>, root: &str, x: TensorId, outputs: &[Output]) -> Result<Vec<TensorId>> {
    let eps = c.layer_norm_eps as f32;
    // The host adds the rows of these two; here they are only proven.
    b.expect_weight(&format!("{root}embeddings.token_embedding.weight"), &[c.vocabulary, c.width])?;
    b.expect_weight(&format!("{root}embeddings.position_embedding.weight"), &[c.positions, c.width])?;
    if let Some(width) = c.projection {
        b.expect_weight(&format!("{root}text_projection"), &[c.width, width])?;
    }
    let wanted: Vec<u32> = outputs.iter().map(|o| c.depth(*o)).collect();
    let deepest = wanted.iter().copied().max().unwrap_or(0);
    b.ignore(|key| {
        let layer = key.strip_prefix(root).and_then(|k| k.strip_prefix("encoder.layers."));
        layer.and_then(|k| k.split('.').next()?.parse::<u32>().ok()).is_some_and(|i| i >= deepest)
    });
    b.tap(&format!("{root}embeddings"), x);
    let mut hidden = vec![x];
    for i in 0..deepest {
        let path = format!("{root}encoder.layers.{i}");
        let t = text_block(c, b, &path, hidden[i as usize], eps)?;
        b.tap(&path, t);
        hidden.push(t);
    }
    let mut normed: Vec<(u32, TensorId)> = Vec::new();
    for depth in &wanted {
        if !normed.iter().any(|(d, _)| d == depth) {
            normed.push((*depth, b.layer_norm(&format!("{root}final_layer_norm"), hidden[*depth as usize], eps)?));
        }
    }
    Ok(wanted.iter().filter_map(|d| normed.iter().find(|(n, _)| n == d)).map(|(_, t)| *t).collect())
}

fn text_block(c: &Config, b: &mut Build<'_>, path: &str, x: TensorId, eps: f32) -> Result<TensorId> {
    let at = |name: &str| format!("{path}.{name}");
    let t = b.layer_norm(&at("layer_norm1"), x, eps)?;
    let q = project_heads(b, &at("self_attn.q_proj"), t, c.heads, true)?;
    let k = project_heads(b, &at("self_attn.k_proj"), t, c.heads, true)?;
    let v = project_heads(b, &at("self_attn.v_proj"), t, c.heads, true)?;
    let t = attend_heads(b, &at("self_attn"), (q, k, v), c.heads, true)?;
    let t = b.conv(&at("self_attn.out_proj"), t, Conv::point(Channels::one(c.width), true))?;
    let x = b.sum(&at("add1"), x, t)?;
    let t = b.layer_norm(&at("layer_norm2"), x, eps)?;
    let t = b.conv(&at("mlp.fc1"), t, Conv::point(Channels::one(c.hidden), true))?;
    let t = b.activate(&at("mlp.act"), t, c.activation)?;
    let t = b.conv(&at("mlp.fc2"), t, Conv::point(Channels::one(c.width), true))?;
    b.sum(&at("add2"), x, t)
}
