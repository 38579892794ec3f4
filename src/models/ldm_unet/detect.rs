//! The configuration that the keys and shapes of a UNet checkpoint imply.

use serde_json::{Value, json};

use super::{Attention, Layout};
use crate::checkpoint::StateDict;
use crate::models::keys::{axis, children};

/// The switch of each level, read from the keys of a canonical checkpoint.
pub fn attention_of(dict: &StateDict, levels: usize) -> Vec<Attention> {
    let of = |level: usize| {
        let block = format!("down_blocks.{level}.attentions.0.transformer_blocks.0");
        let has = |name: &str| dict.contains(&format!("{block}.{name}.to_q.weight"));
        match (has("attn1"), has("attn2")) {
            (_, false) => Attention::None,
            (false, true) => Attention::Cross,
            (true, true) => Attention::SelfCross,
        }
    };
    (0..levels).map(of).collect()
}

pub fn detect(dict: &StateDict) -> Option<Value> {
    let layout = Layout::detect(dict)?;
    let dict = layout.canonical(dict).ok()?;
    let levels = children(&dict, "down_blocks");
    let width = |l: u64| axis(&dict, &format!("down_blocks.{l}.resnets.0.conv1.weight"), 0);
    let widths: Vec<u64> = (0..levels).map(width).collect::<Option<_>>()?;
    let mid = "mid_block.attentions.0";
    let linear = dict.shape(&format!("{mid}.proj_in.weight"))?.len() == 2;
    // Stable Diffusion 1 has 8 heads everywhere; from 2 on a head has 64 channels.
    let heads: Vec<u64> = widths.iter().map(|c| if linear { (c / 64).max(1) } else { 8 }).collect();
    Some(json!({
        "layout": layout.name(),
        "in_channels": axis(&dict, "conv_in.weight", 1)?,
        "out_channels": axis(&dict, "conv_out.weight", 0)?,
        "block_out_channels": widths,
        "layers_per_block": children(&dict, "down_blocks.0.resnets"),
        "num_heads": heads,
        "cross_attention_dim": axis(&dict, &format!("{mid}.transformer_blocks.0.attn2.to_k.weight"), 1)?,
        "transformer_depth": children(&dict, &format!("{mid}.transformer_blocks")),
        "use_linear_projection": linear,
        "time_embed_dim": axis(&dict, "time_embedding.linear_1.weight", 0)?,
    }))
}
