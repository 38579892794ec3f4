//! The configuration that the keys and shapes of a DATPRL-IR checkpoint imply. How many prompts a query selects is in
//! none of them: it is taken from the published setting with pools of that size, and left open for others.

use serde_json::{Value, json};

use super::Class;
use super::fusion::BlockFusion;
use crate::checkpoint::StateDict;
use crate::models::keys::{axis, children};
use crate::models::trunk::{ffn_factor, norm_type};

const TASK_POOL: &str = "degradation_prompt_pool";
const DOMAIN_POOL: &str = "domain_prompt_pool";

pub fn detect(dict: &StateDict) -> Option<Value> {
    let naf = axis(dict, "middle_blks.0.sca.1.weight", 0).is_some();
    let prompted = dict.contains(&format!("{TASK_POOL}.prompt_keys"));
    let mut config = if naf { nafnet(dict)? } else { restormer(dict)? };
    if naf && !prompted {
        // Without prompts this edition is a NAFNet, key by key.
        return None;
    }
    config["use_prompt"] = json!(prompted);
    if !prompted {
        config["class"] = json!(Class::Restormer.name());
        return Some(config);
    }
    config["degradation_pool_size"] = json!(axis(dict, &format!("{TASK_POOL}.prompt_keys"), 0)?);
    config["degradation_prompt_dim"] = json!(axis(dict, &format!("{TASK_POOL}.prompt_keys"), 1)?);
    config["value_num_tokens"] = json!(axis(dict, &format!("{TASK_POOL}.prompt_values"), 1)?);
    config["degradation_top_k"] = json!(match axis(dict, &format!("{TASK_POOL}.prompt_keys"), 0)? {
        12 | 15 => Some(3),
        _ => None,
    });
    config["fusion_method"] = json!(block_fusion(dict, if naf { "middle_blks.0" } else { "latent_blocks.0" })?.name());
    let domain = axis(dict, &format!("{DOMAIN_POOL}.prompt_keys"), 0);
    let class = match (naf, domain) {
        (true, _) => Class::Nafnet,
        (false, Some(_)) => Class::Restormer,
        (false, None) => Class::RestormerTaskOnly,
    };
    config["class"] = json!(class.name());
    if let Some(size) = domain {
        config["domain_pool_size"] = json!(size);
        config["domain_prompt_dim"] = json!(axis(dict, &format!("{DOMAIN_POOL}.prompt_keys"), 1)?);
        // 5 of 15 in the multi-domain setting, 3 of 6 in the all-in-one setting.
        config["domain_top_k"] = json!(match size {
            15 => Some(5),
            6 => Some(3),
            _ => None,
        });
        let attends = dict.contains("prompt_fusion_norm.weight");
        config["prompt_fusion_method"] = json!(if attends { "cross_attention" } else { "concat" });
    }
    Some(config)
}

fn restormer(dict: &StateDict) -> Option<Value> {
    let heads: Option<Vec<u64>> = ["encoder_level1", "encoder_level2", "encoder_level3", "latent_blocks"]
        .iter()
        .map(|s| axis(dict, &format!("{s}.0.attn.temperature"), 0))
        .collect();
    let blocks = |level: &str| [1, 2, 3].map(|l| children(dict, &format!("{level}{l}")));
    Some(json!({
        "img_channel": axis(dict, "patch_embed.proj.weight", 1)?,
        "dim": axis(dict, "patch_embed.proj.weight", 0)?,
        "enc_blk_nums": blocks("encoder_level"),
        "middle_blk_num": children(dict, "latent_blocks"),
        "dec_blk_nums": blocks("decoder_level"),
        "refine_blk_num": children(dict, "refinement"),
        "heads": heads?,
        "ffn_expansion_factor": ffn_factor(dict, "encoder_level1.0.ffn.project_in.weight")?,
        "bias": dict.contains("encoder_level1.0.attn.qkv.bias"),
        "LayerNorm_type": norm_type(dict),
    }))
}

fn nafnet(dict: &StateDict) -> Option<Value> {
    let levels = children(dict, "ups");
    let counts = |name: &str| -> Vec<u64> { (0..levels).map(|l| children(dict, &format!("{name}.{l}"))).collect() };
    Some(json!({
        "img_channel": axis(dict, "intro.weight", 1)?,
        "width": axis(dict, "intro.weight", 0)?,
        "middle_blk_num": children(dict, "middle_blks"),
        "enc_blk_nums": counts("encoders"),
        "dec_blk_nums": counts("decoders"),
    }))
}

fn block_fusion(dict: &StateDict, block: &str) -> Option<BlockFusion> {
    BlockFusion::ALL.into_iter().find(|f| {
        let key = match f {
            BlockFusion::Concat => "prompt_fusion.weight",
            BlockFusion::CrossAttention => "cross_attn_v.weight",
            BlockFusion::AdaptiveModulation => "prompt_mlp.0.weight",
        };
        dict.contains(&format!("{block}.{key}"))
    })
}
