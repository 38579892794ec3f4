//! The transformers of the UNet. Keys and values of a context do not change from step to step: they are inputs.

use super::{Attention, Config};
use crate::base::{Channels, Result, Shape};
use crate::kernel::TensorId;
use crate::nn::layers::Conv;
use crate::nn::token_attention::{attend_heads, project_heads};
use crate::nn::{Build, token_attention};
use crate::ops::Activation;

/// One cross-attention: its path and the width and heads of its tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrossAttention {
    pub path: String,
    pub channels: u32,
    pub heads: u32,
}

/// All of them, in the order of the network.
pub fn cross_attentions(c: &Config) -> Vec<CrossAttention> {
    let mut out = Vec::new();
    let mut add = |at: String, level: usize| {
        for k in 0..c.transformer_depth {
            out.push(CrossAttention {
                path: format!("{at}.transformer_blocks.{k}.attn2"),
                channels: c.block_out_channels[level],
                heads: c.num_heads[level],
            });
        }
    };
    let levels = c.levels();
    let with = |level: &usize| c.attention[*level] != Attention::None;
    for level in (0..levels).filter(with) {
        (0..c.layers_per_block).for_each(|i| add(format!("down_blocks.{level}.attentions.{i}"), level));
    }
    add("mid_block.attentions.0".into(), levels - 1);
    for level in (0..levels).rev().filter(with) {
        let up = levels - 1 - level;
        (0..=c.layers_per_block).for_each(|i| add(format!("up_blocks.{up}.attentions.{i}"), level));
    }
    out
}

/// Outputs `{path}.to_k` and `{path}.to_v` of every cross-attention.
pub fn project_context(c: &Config, b: &mut Build<'_>, root: &str, context: TensorId) -> Result<()> {
    for cross in cross_attentions(c) {
        for which in ["to_k", "to_v"] {
            let path = format!("{root}{}.{which}", cross.path);
            let t = project_heads(b, &path, context, cross.heads, false)?;
            b.graph.output(&path, t);
        }
    }
    Ok(())
}

/// What a transformer needs to know besides its path.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    pub attention: Attention,
    pub heads: u32,
    /// Tokens of the context.
    pub tokens: u32,
}

/// `x + proj_out(blocks(proj_in(norm(x))))`. The projections are 1x1 convolutions or linear layers, which hold the same
/// numbers.
pub fn transformer(c: &Config, b: &mut Build<'_>, path: &str, x: TensorId, place: Place) -> Result<TensorId> {
    let channels = b.shape(x).c;
    let t = b.group_norm(&format!("{path}.norm"), x, c.norm_num_groups, c.transformer_norm_eps as f32)?;
    let mut t = b.conv(&format!("{path}.proj_in"), t, Conv::point(channels.clone(), true))?;
    for k in 0..c.transformer_depth {
        t = block(c, b, &format!("{path}.transformer_blocks.{k}"), t, place)?;
    }
    let t = b.conv(&format!("{path}.proj_out"), t, Conv::point(channels, true))?;
    let y = b.sum(&format!("{path}.add"), x, t)?;
    b.tap(path, y);
    Ok(y)
}

fn block(c: &Config, b: &mut Build<'_>, path: &str, mut x: TensorId, place: Place) -> Result<TensorId> {
    let at = |name: &str| format!("{path}.{name}");
    let eps = c.layer_norm_eps as f32;
    let out = b.shape(x).c;
    if place.attention == Attention::SelfCross {
        let t = b.layer_norm(&at("norm1"), x, eps)?;
        let t = token_attention(b, &at("attn1"), t, t, t, place.heads)?;
        x = b.sum(&at("add1"), x, t)?;
    }
    let t = b.layer_norm(&at("norm2"), x, eps)?;
    let q = project_heads(b, &at("attn2.to_q"), t, place.heads, false)?;
    let shape = b.shape(q);
    let shape = Shape { n: shape.n, h: 1, w: place.tokens, c: shape.c };
    let k = b.graph.kept_input(&at("attn2.to_k"), shape.clone());
    let v = b.graph.kept_input(&at("attn2.to_v"), shape);
    let t = attend_heads(b, &at("attn2"), (q, k, v), place.heads, false)?;
    let t = b.conv(&at("attn2.to_out.0"), t, Conv::point(out.clone(), true))?;
    let x = b.sum(&at("add2"), x, t)?;
    let t = b.layer_norm(&at("norm3"), x, eps)?;
    let t = b.conv(&at("ff.net.0.proj"), t, Conv::point(Channels::repeat(4 * out.logical(), 2), true))?;
    let t = b.swapped_gate(&at("ff.net.0"), t, Activation::Gelu)?;
    let t = b.conv(&at("ff.net.2"), t, Conv::point(out, true))?;
    b.sum(&at("add3"), x, t)
}
