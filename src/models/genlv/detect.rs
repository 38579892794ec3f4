//! The configuration that the keys and shapes of a GenLV checkpoint imply.

use serde_json::{Value, json};

use crate::checkpoint::StateDict;
use crate::models::restormer::{axis, children, ffn_factor, norm_type};
use crate::models::xrestormer::{query_window, window_shape};

pub fn detect(dict: &StateDict) -> Option<Value> {
    let stages = ["encoder_level1", "encoder_level2", "encoder_level3", "latent_blocks"];
    let (overlap, _, _) = window_shape(dict, "encoder_level1.0.spatial_attn")?;
    let heads: Option<Vec<u64>> =
        stages.iter().map(|s| axis(dict, &format!("{s}.0.channel_attn.temperature"), 0)).collect();
    let nf = axis(dict, super::prompt_encoder::FIRST, 0);
    let mut config = json!({
        "inp_channels": axis(dict, "patch_embed.proj.weight", 1)?,
        "out_channels": axis(dict, "output.weight", 0)?,
        "dim": axis(dict, "patch_embed.proj.weight", 0)?,
        "window_size": query_window(overlap)?,
        "num_blocks": stages.map(|s| children(dict, s)),
        "num_refinement_blocks": children(dict, "refinement"),
        "heads": heads?,
        "ffn_expansion_factor": ffn_factor(dict, "encoder_level1.0.channel_ffn.project_in.weight")?,
        "bias": dict.contains("encoder_level1.0.channel_attn.qkv.bias"),
        "LayerNorm_type": norm_type(dict),
        "class": if nf.is_some() { "XRestormer_Prompt_SpatCrossAttn" } else { "XRestormer" },
    });
    if let Some(nf) = nf {
        config["prompt_encoder_nf"] = json!(nf);
    }
    Some(config)
}
