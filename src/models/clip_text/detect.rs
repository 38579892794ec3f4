//! The configuration that the keys and shapes of a text tower imply.

use serde_json::{Value, json};

use super::Layout;
use crate::checkpoint::StateDict;
use crate::models::keys::{axis, children};

/// Published towers have heads of 64 channels.
const HEAD: u64 = 64;

pub fn detect(dict: &StateDict) -> Option<Value> {
    let layout = Layout::detect(dict)?;
    let dict = layout.canonical(dict).ok()?;
    let (vocabulary, width) = {
        let key = "embeddings.token_embedding.weight";
        (axis(&dict, key, 0)?, axis(&dict, key, 1)?)
    };
    // OpenAI's towers are at most 768 wide and use the approximation; OpenCLIP's H and bigger use the exact form.
    let large = width >= 1024;
    Some(json!({
        "layout": layout.name(),
        "hidden_size": width,
        "num_hidden_layers": children(&dict, "encoder.layers"),
        "num_attention_heads": (width / HEAD).max(1),
        "intermediate_size": axis(&dict, "encoder.layers.0.mlp.fc1.weight", 0)?,
        "hidden_act": if large { "gelu" } else { "quick_gelu" },
        "vocab_size": vocabulary,
        "max_positions": axis(&dict, "embeddings.position_embedding.weight", 0)?,
        "pad": if large { "zero" } else { "eot" },
        "output": if large { "penultimate" } else { "last" },
    }))
}
