//! The weights that come with the program, and which of them serves which task best.

use std::path::{Path, PathBuf};

use crate::base::{Error, Kind, Result};
use crate::checkpoint::StateDict;

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// For each task the shipped weights that do it, best first. The figures behind the order are on the cards in weights/;
/// a task whose output is no better than its input, or not what was asked for, is not listed, though `--model genlv` still
/// knows it.
pub const SERVES: &[(&str, &[&str])] = &[
    ("denoise", &["nafnet-denoise", "genlv"]),
    ("deblur", &["nafnet-deblur", "instruct-ipt"]),
    ("dejpeg", &["nafnet-dejpeg", "instruct-ipt"]),
    ("derain", &["instruct-ipt", "genlv"]),
    ("desnow", &["instruct-ipt", "genlv"]),
    ("dehaze", &["instruct-ipt", "genlv"]),
    ("lowlight", &["instruct-ipt", "genlv"]),
    ("despeckle", &["instruct-ipt", "genlv"]),
    ("inpaint", &["instruct-ipt", "genlv"]),
    ("edges", &["genlv"]),
    ("pencil", &["genlv"]),
    ("depth", &["diffusion"]),
    ("semantic", &["diffusion"]),
    ("panoptic", &[]),
];

/// All shipped weights that are networks, those included that no task prefers.
pub const NAMES: [&str; 8] =
    ["nafnet-denoise", "nafnet-deblur", "nafnet-dejpeg", "genlv", "instruct-ipt", "datprl", "pip", "diffusion"];

/// Names of the embedded weights.
pub fn embedded() -> impl Iterator<Item = &'static str> {
    EMBEDDED.iter().map(|(name, _)| *name)
}

/// Shipped weights that do `task`, best first.
pub fn serving(task: &str) -> &'static [&'static str] {
    SERVES.iter().find(|(t, _)| *t == task).map_or(&[], |(_, names)| names)
}

/// Opens weights by path or by name. Names are looked up among the embedded weights, as a file or folder of just that name,
/// then as NAME.safetensors in `directory` (the user's model directory) and in the folders called `weights` here and around the
/// program.
pub fn open(name: &str, directory: Option<&Path>) -> Result<StateDict> {
    let path = Path::new(name);
    let shipped = EMBEDDED.iter().any(|(n, _)| *n == name);
    if path.components().count() > 1 || path.extension().is_some() || (!shipped && path.exists()) {
        return StateDict::open(path);
    }
    if let Some((_, bytes)) = EMBEDDED.iter().find(|(n, _)| *n == name) {
        return StateDict::from_static(bytes, name);
    }
    let folders = folders(directory);
    match folders.iter().map(|f| f.join(format!("{name}.safetensors"))).find(|f| f.exists()) {
        Some(file) => StateDict::open(&file),
        None => {
            let searched: Vec<String> = folders.iter().map(|f| f.display().to_string()).collect();
            Err(Error::new(Kind::ModelMissing, format!("there is no model named {name}"))
                .why(format!(
                    "embedded: {}; searched {}",
                    embedded().collect::<Vec<_>>().join(", "),
                    searched.join(", ")
                ))
                .advice("name a .safetensors file, or put NAME.safetensors into the model directory"))
        }
    }
}

/// Where weights that are not embedded are looked for, in order. A built tree has its program two folders down.
fn folders(directory: Option<&Path>) -> Vec<PathBuf> {
    let program = std::env::current_exe().unwrap_or_default();
    let around = program.ancestors().skip(1).take(3).map(|folder| folder.join("weights"));
    directory.map(PathBuf::from).into_iter().chain([PathBuf::from("weights")]).chain(around).collect()
}
