//! The configuration that the keys and shapes of a GenLV checkpoint imply.

use serde_json::{Value, json};

use super::config::{NAMES, WITH_PROMPT, WITHOUT_PROMPT};
use crate::checkpoint::StateDict;
use crate::models::keys::axis;
use crate::models::trunk;
use crate::models::xrestormer::{query_window, window_shape};

pub fn detect(dict: &StateDict) -> Option<Value> {
    let (overlap, _, _) = window_shape(dict, "encoder_level1.0.spatial_attn")?;
    let nf = axis(dict, super::prompt_encoder::FIRST, 0);
    let mut own = json!({
        "out_channels": axis(dict, "output.weight", 0)?,
        "window_size": query_window(overlap)?,
        "class": if nf.is_some() { WITH_PROMPT } else { WITHOUT_PROMPT },
    });
    if let Some(nf) = nf {
        own["prompt_encoder_nf"] = json!(nf);
    }
    trunk::detect(dict, &NAMES, own)
}
