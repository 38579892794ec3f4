//! The pictures of a folder and of all folders in it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::base::{Error, Kind, Result};
use crate::image::EXTENSIONS;

/// What a folder holds, each by name.
#[derive(Default)]
pub(crate) struct Folder {
    pub(crate) pictures: Vec<PathBuf>,
    /// Files that are not named like pictures.
    pub(crate) strangers: Vec<PathBuf>,
    /// A folder that was seen before is left out: a link may lead back up.
    seen: BTreeSet<PathBuf>,
}

impl Folder {
    /// Reads a folder without the one where results go, so that a second run does not take those of the first for inputs.
    /// A folder without pictures is an error.
    pub(crate) fn read(directory: &Path, results: Option<&Path>) -> Result<Folder> {
        let mut folder = Folder::default();
        let real = |path: &Path| fs::canonicalize(path).ok();
        if let Some(results) = results.filter(|r| real(r) != real(directory)) {
            folder.seen.extend(real(results));
        }
        folder.down(directory)?;
        folder.pictures.sort();
        folder.strangers.sort();
        if folder.pictures.is_empty() {
            return Err(Error::new(Kind::Image, format!("no picture in {}", directory.display()))
                .why(format!("looked for {}", EXTENSIONS.join(", "))));
        }
        Ok(folder)
    }

    fn down(&mut self, directory: &Path) -> Result<()> {
        let failed = |e: std::io::Error| {
            Error::new(Kind::Image, format!("cannot read the directory {}", directory.display())).why(e)
        };
        if !self.seen.insert(fs::canonicalize(directory).map_err(failed)?) {
            return Ok(());
        }
        for entry in fs::read_dir(directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            // Hidden by its owner, or half of a file that another system keeps beside the picture (`._name.png`).
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let path = entry.path();
            let ending = path.extension().and_then(|e| e.to_str()).map(str::to_lowercase);
            if path.is_dir() {
                self.down(&path)?;
            } else if path.is_file() && ending.is_some_and(|e| EXTENSIONS.contains(&e.as_str())) {
                self.pictures.push(path);
            } else {
                self.strangers.push(path);
            }
        }
        Ok(())
    }
}

/// A path from the folder on.
pub(crate) fn within(folder: &Path, path: &Path) -> PathBuf {
    path.strip_prefix(folder).unwrap_or(path).to_path_buf()
}
