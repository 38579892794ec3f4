//! The configuration that the keys and shapes of a ConvNeXt checkpoint imply.

use serde_json::{Value, json};

use super::Layout;
use crate::checkpoint::StateDict;
use crate::models::keys::{axis, children};

pub fn detect(dict: &StateDict) -> Option<Value> {
    let layout = Layout::detect(dict)?;
    let dict = layout.canonical(dict).ok()?;
    let stages = ["stages.0", "stages.1", "stages.2", "stages.3"];
    let dims: Option<Vec<u64>> =
        stages.iter().map(|s| axis(&dict, &format!("{s}.blocks.0.conv_dw.weight"), 0)).collect();
    // Backbones made for some stages alone hold the norms of these outputs.
    let normed: Vec<usize> = (0..4).filter(|stage| dict.contains(&format!("norm{stage}.weight"))).collect();
    Some(json!({
        "layout": layout.name(),
        "dims": dims?,
        "depths": stages.map(|s| children(&dict, &format!("{s}.blocks"))),
        "in_channels": axis(&dict, "stem.0.weight", 1)?,
        "stage_output_norm": !normed.is_empty(),
        "levels": if normed.is_empty() { vec![0, 1, 2, 3] } else { normed },
    }))
}
