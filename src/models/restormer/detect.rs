//! The configuration that the keys and shapes of a Restormer checkpoint imply.

use serde_json::{Value, json};

use crate::checkpoint::StateDict;

/// Axis lengths of a tensor.
pub fn axis(dict: &StateDict, key: &str, i: usize) -> Option<u64> {
    dict.shape(key)?.get(i).map(|d| *d as u64)
}

/// Number of children `path.0`, `path.1`, ...
pub fn children(dict: &StateDict, path: &str) -> u64 {
    (0..).take_while(|i| dict.keys().any(|k| k.starts_with(&format!("{path}.{i}.")))).count() as u64
}

/// `LayerNorm_type`: whether the norms have a bias.
pub fn norm_type(dict: &StateDict) -> &'static str {
    if dict.contains("encoder_level1.0.norm1.body.bias") { "WithBias" } else { "BiasFree" }
}

/// The expansion factor whose hidden width `int(C * factor)` the shapes show; 2.66 where it fits.
pub fn ffn_factor(dict: &StateDict, project_in: &str) -> Option<f64> {
    let (hidden, c) = (axis(dict, project_in, 0)? / 2, axis(dict, project_in, 1)?);
    let fits = |f: f64| (c as f64 * f) as u64 == hidden;
    [2.66, 2.0, 4.0].into_iter().find(|f| fits(*f)).or(Some((hidden as f64 + 0.5) / c as f64))
}

pub fn detect(dict: &StateDict) -> Option<Value> {
    let heads = |p: &str| axis(dict, &format!("{p}.0.attn.temperature"), 0);
    if dict.keys().any(|k| k.starts_with("prompt") || k.contains("lora_") || k.contains("low_prompt")) {
        return None;
    }
    let stages = ["encoder_level1", "encoder_level2", "encoder_level3", "latent"];
    Some(json!({
        "inp_channels": axis(dict, "patch_embed.proj.weight", 1)?,
        "out_channels": axis(dict, "output.weight", 0)?,
        "dim": axis(dict, "patch_embed.proj.weight", 0)?,
        "num_blocks": stages.map(|s| children(dict, s)),
        "num_refinement_blocks": children(dict, "refinement"),
        "heads": stages.iter().map(|s| heads(s)).collect::<Option<Vec<u64>>>()?,
        "ffn_expansion_factor": ffn_factor(dict, "encoder_level1.0.ffn.project_in.weight")?,
        "bias": dict.contains("encoder_level1.0.attn.qkv.bias"),
        "LayerNorm_type": norm_type(dict),
        "dual_pixel_task": dict.contains("skip_conv.weight"),
    }))
}
