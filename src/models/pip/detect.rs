//! The configuration that the keys and shapes of a PIP checkpoint imply.

use serde_json::{Value, json};

use crate::checkpoint::StateDict;
use crate::models::keys::axis;
use crate::models::trunk::{self, Names};

pub fn detect(dict: &StateDict) -> Option<Value> {
    let prompt = |axis_of: usize| -> Option<Vec<u64>> {
        (1..=3).map(|l| axis(dict, &format!("prompt{l}.low_prompt_param"), axis_of)).collect()
    };
    let own = json!({
        "out_channels": axis(dict, "output.weight", 0)?,
        "low_prompt_dims": prompt(1)?,
        "prompt_interaction_mode": mode(dict)?,
        "degradation_num": axis(dict, "prompt1.detask_prompt_param", 1)?,
        "low_prompt_sizes": prompt(2)?,
    });
    trunk::detect(dict, &Names::RESTORMER, own)
}

fn mode(dict: &StateDict) -> Option<&'static str> {
    let has = |name: &str| dict.contains(&format!("low_prompt_interaction_level1.{name}"));
    let modes = [
        ("conv1.weight", "convgate"),
        ("gate_reduce_channel.weight", "promptir_gate"),
        ("prompt_transformer_cross.attn.attn1", "pip_cross_topm"),
        ("prompt_transformer_cross.attn.q.weight", "pip_cross"),
        ("prompt_transformer.norm1.body.weight", "promptir"),
    ];
    modes.into_iter().find(|(key, _)| has(key)).map(|(_, mode)| mode)
}
