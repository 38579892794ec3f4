//! What a weight file of ours says of itself beside its architecture (tools/train/weights.py writes it). It is read once,
//! when the file is loaded: an entry that makes no sense is an error and never a default.

use serde_json::Value;

use crate::base::{DType, Error, Kind, Result};
use crate::checkpoint::StateDict;

/// Key of the order of the colour channels: `rgb` or `bgr`.
pub const COLOUR: &str = "vernis.colour";
/// Key of the smallest storage in which the weights were verified: `f32` or `f16`.
pub const PRECISION: &str = "vernis.precision";
/// Key of the tasks that the weights were trained for: a JSON list of names.
const TASKS: &str = "vernis.tasks";
/// Key of the tiles that the weights were found to work well with: JSON, pixels.
const TILE: &str = "vernis.tile";
/// Shared by neighbouring tiles where the file does not say.
const HALO: u32 = 32;

/// Order of the colour channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    Rgb,
    Bgr,
}

impl Colour {
    /// Interleaved RGB to this order, or back: swapping is its own inverse.
    pub fn order(self, rgb: &[f32]) -> Vec<f32> {
        match self {
            Colour::Rgb => rgb.to_vec(),
            Colour::Bgr => rgb.chunks_exact(3).flat_map(|p| [p[2], p[1], p[0]]).collect(),
        }
    }
}

/// The entries of a file; what it does not say is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    pub colour: Option<Colour>,
    pub precision: Option<DType>,
    pub tasks: Vec<String>,
    /// Edge and overlap in pixels. No more than half is shared: the number of tiles would grow without bounds.
    pub tile: Option<(u32, u32)>,
}

impl Metadata {
    pub fn of(dict: &StateDict) -> Result<Metadata> {
        let entry = |key: &str| dict.metadata().get(key).map(String::as_str);
        let read = |key: &'static str, want: &str| {
            let text = entry(key).unwrap_or_default();
            Error::new(Kind::Checkpoint, format!("its metadata {key} makes no sense"))
                .why(format!("it is '{text}', not {want}"))
                .advice("correct the entry or leave it out; no default stands in for it")
        };
        Ok(Metadata {
            colour: match entry(COLOUR) {
                None => None,
                Some("rgb") => Some(Colour::Rgb),
                Some("bgr") => Some(Colour::Bgr),
                Some(_) => return Err(read(COLOUR, "rgb or bgr")),
            },
            precision: match entry(PRECISION) {
                None => None,
                Some("f32") => Some(DType::F32),
                Some("f16") => Some(DType::F16),
                Some(_) => return Err(read(PRECISION, "f32 or f16")),
            },
            tasks: match entry(TASKS) {
                None => Vec::new(),
                Some(text) => serde_json::from_str(text).map_err(|_| read(TASKS, "a JSON list of names"))?,
            },
            tile: match entry(TILE) {
                None => None,
                Some(text) => Some(
                    tile(text).ok_or_else(|| read(TILE, "JSON like {\"size\": 256, \"halo\": 32}, of at least 16"))?,
                ),
            },
        })
    }
}

/// Edge and overlap.
fn tile(text: &str) -> Option<(u32, u32)> {
    let value: Value = serde_json::from_str(text).ok()?;
    let number = |key: &str| value.get(key).map(|v| v.as_u64().and_then(|n| u32::try_from(n).ok()));
    let size = number("size")?.filter(|n| *n >= 16)?;
    let halo = number("halo").unwrap_or(Some(HALO))?;
    Some((size, halo.min(size / 2)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn of(key: &str, text: &str) -> Result<Metadata> {
        let header = br#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
        let bytes = [&(header.len() as u64).to_le_bytes()[..], header, &[0; 4]].concat();
        let dict = StateDict::from_bytes(bytes, "x")?;
        Metadata::of(&dict.with_metadata(BTreeMap::from([(key.to_owned(), text.to_owned())])))
    }

    #[test]
    fn what_is_said_is_read() {
        assert_eq!(of("other", "x").unwrap(), Metadata::default());
        assert_eq!(of(COLOUR, "bgr").unwrap().colour, Some(Colour::Bgr));
        assert_eq!(of(PRECISION, "f16").unwrap().precision, Some(DType::F16));
        assert_eq!(of(TASKS, r#"["denoise"]"#).unwrap().tasks, ["denoise"]);
        assert_eq!(of(TILE, r#"{"size": 64, "policy": "local"}"#).unwrap().tile, Some((64, 32)));
        assert_eq!(of(TILE, r#"{"size": 16, "halo": 12}"#).unwrap().tile, Some((16, 8)), "more than half is shared");
    }

    #[test]
    fn nonsense_is_an_error() {
        for (key, text) in [
            (COLOUR, "RGB"),
            (PRECISION, "f8"),
            (TASKS, "denoise"),
            (TASKS, "[1]"),
            (TILE, "256"),
            (TILE, r#"{"size": 8}"#),
            (TILE, r#"{"size": -64}"#),
            (TILE, r#"{"size": 64, "halo": "some"}"#),
        ] {
            let e = of(key, text).expect_err(text);
            assert!(e.kind() == Kind::Checkpoint && e.to_string().contains(key) && e.to_string().contains(text), "{e}");
        }
    }
}
