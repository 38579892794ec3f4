//! The families that a picture conditions itself (DATPRL-IR) or a task does (PIP): official outputs, recognition of
//! checkpoints, refusals, and what is folded.

mod block;
mod conditions;
mod detection;
#[path = "../support/distances.rs"]
mod distances;
mod folding;
mod golden;
mod refusals;
mod sensor;

use std::path::{Path, PathBuf};

use vernis::checkpoint::Case;
use vernis::gpu::{DeviceChoice, Gpu};

pub fn gpu() -> Gpu {
    Gpu::open(&DeviceChoice::Auto).expect("an adapter")
}

/// The stored cases of the two families.
pub fn cases() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cases");
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(root).expect("the cases").map(|e| e.expect("an entry").path()).collect();
    folders.retain(|f| {
        let name = f.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with("pip-") || name.starts_with("datprl-")
    });
    folders.sort();
    assert!(folders.len() >= 20, "the cases are missing");
    folders.iter().map(|f| Case::open(f).expect("a case")).collect()
}
