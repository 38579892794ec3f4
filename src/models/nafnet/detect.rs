//! The configuration that the keys and shapes of a NAFNet checkpoint imply. NAFNetLocal has the same keys, so its
//! training size is known from metadata alone.

use serde_json::{Value, json};

use crate::checkpoint::StateDict;
use crate::models::keys::{axis, children};

pub fn detect(dict: &StateDict) -> Option<Value> {
    axis(dict, "middle_blks.0.sca.1.weight", 0)?;
    if dict.keys().any(|k| k.contains("prompt") || k.contains("lora_")) {
        return None;
    }
    // A level may have no blocks; the scalers count the levels.
    let levels = children(dict, "ups");
    let list =
        |container: &str| -> Vec<u64> { (0..levels).map(|l| children(dict, &format!("{container}.{l}"))).collect() };
    Some(json!({
        "img_channel": axis(dict, "intro.weight", 1)?,
        "width": axis(dict, "intro.weight", 0)?,
        "middle_blk_num": children(dict, "middle_blks"),
        "enc_blk_nums": list("encoders"),
        "dec_blk_nums": list("decoders"),
    }))
}
