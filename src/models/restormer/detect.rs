//! The configuration that the keys and shapes of a Restormer checkpoint imply.

use serde_json::{Value, json};

use crate::checkpoint::StateDict;
use crate::models::keys::axis;
use crate::models::trunk::{self, Names};

pub fn detect(dict: &StateDict) -> Option<Value> {
    if dict.keys().any(|k| k.starts_with("prompt") || k.contains("lora_") || k.contains("low_prompt")) {
        return None;
    }
    let own = json!({
        "out_channels": axis(dict, "output.weight", 0)?,
        "dual_pixel_task": dict.contains("skip_conv.weight"),
    });
    trunk::detect(dict, &Names::RESTORMER, own)
}
