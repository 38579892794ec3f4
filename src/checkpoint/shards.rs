//! Checkpoints that lie in a folder, as model hubs lay them out: one weight file, or shards with an index that says which
//! tensor lies in which.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::StateDict;
use crate::base::{Error, Kind, Result};

/// How the name of an index ends.
pub const INDEX: &str = ".index.json";

/// How the names of weight files and indices end, the kind to prefer first: who publishes several publishes the same.
const KINDS: [&[&str]; 4] =
    [&[".safetensors.index.json"], &[".safetensors"], &[INDEX], &[".pth", ".pt", ".bin", ".ckpt"]];

/// `model.safetensors.index.json`; sizes beside it are of no use here.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// The file of a folder that holds its weights: of the first kind there is, the only one.
pub fn of_folder(folder: &Path) -> Result<PathBuf> {
    let failed = |why: String| Error::new(Kind::Checkpoint, format!("checkpoint {}", folder.display())).why(why);
    let mut names = Vec::new();
    for entry in folder.read_dir().map_err(|e| failed(e.to_string()))? {
        names.push(entry.map_err(|e| failed(e.to_string()))?.path());
    }
    names.sort();
    for kind in KINDS {
        let of_kind = |p: &&PathBuf| kind.iter().any(|end| p.to_string_lossy().ends_with(end)) && p.is_file();
        let found: Vec<&PathBuf> = names.iter().filter(of_kind).collect();
        match found[..] {
            [] => {}
            [one] => return Ok(one.clone()),
            _ => {
                let names: Vec<_> = found.iter().filter_map(|p| p.file_name()?.to_str()).collect();
                return Err(
                    failed("this folder holds several".into()).advice(format!("name one: {}", names.join(", ")))
                );
            }
        }
    }
    Err(failed("this folder holds no weights".into()).advice("name a .safetensors or .pth file, or the folder of one"))
}

/// All shards of an index as one set. Every tensor must lie where the index says, and nowhere else.
pub fn of_index(path: &Path) -> Result<StateDict> {
    let name = path.display();
    let failed = |why: String| Error::new(Kind::Checkpoint, format!("checkpoint {name}")).why(why);
    let text = std::fs::read(path).map_err(|e| failed(e.to_string()))?;
    let index: Index = serde_json::from_slice(&text).map_err(|e| failed(format!("this is no index: {e}")))?;
    let files: BTreeSet<&str> = index.weight_map.values().map(String::as_str).collect();
    if let Some(outside) = files.iter().find(|f| Path::new(f).file_name().is_none_or(|n| n != **f)) {
        return Err(failed(format!("the shard '{outside}' does not lie beside it")));
    }
    let mut whole: Option<StateDict> = None;
    for file in files {
        let shard = StateDict::open(&path.with_file_name(file))?;
        let wanted = index.weight_map.iter().filter(|(_, f)| *f == file).map(|(key, _)| key);
        for key in wanted {
            if !shard.contains(key) {
                return Err(failed(format!("tensor '{key}' should lie in {file}, which lacks it"))
                    .advice("the files belong to different checkpoints, or one is incomplete: fetch them again"));
            }
        }
        whole = Some(match whole {
            None => shard,
            Some(dict) => dict.joined(&shard)?,
        });
    }
    let whole = whole.ok_or_else(|| failed("this index names no tensors".into()))?;
    Ok(whole.with_name(&name.to_string()))
}

#[cfg(test)]
mod tests {
    use super::super::write::{Data, write_safetensors};
    use super::*;

    fn shard(folder: &Path, name: &str, key: &str, value: f32) {
        let data = vec![(key.to_owned(), vec![1], Data::F32(vec![value]))];
        write_safetensors(&folder.join(name), data, &BTreeMap::new(), true).expect("a file");
    }

    fn index(folder: &Path, map: &[(&str, &str)]) {
        let map: BTreeMap<_, _> = map.iter().copied().collect();
        let text = serde_json::json!({"metadata": {"total_size": 8}, "weight_map": map}).to_string();
        std::fs::write(folder.join("model.safetensors.index.json"), text).expect("an index");
    }

    #[test]
    fn a_folder_of_shards_is_one_checkpoint() {
        let folder = tempfile::tempdir().expect("a folder");
        shard(folder.path(), "model-1-of-2.safetensors", "a", 1.0);
        shard(folder.path(), "model-2-of-2.safetensors", "b", 2.0);
        index(folder.path(), &[("a", "model-1-of-2.safetensors"), ("b", "model-2-of-2.safetensors")]);
        let dict = StateDict::open(folder.path()).expect("both");
        assert_eq!(dict.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(dict.f32("b").expect("a tensor"), [2.0]);
        std::fs::write(folder.path().join("pytorch_model.bin.index.json"), "{}").expect("the same in another format");
        assert_eq!(StateDict::open(folder.path()).expect("the safetensors").len(), 2);
        assert!(dict.name().contains("index.json"), "{}", dict.name());

        index(folder.path(), &[("a", "model-1-of-2.safetensors"), ("c", "model-2-of-2.safetensors")]);
        let lost = StateDict::open(folder.path()).expect_err("a tensor is lost");
        assert!(lost.reason().contains("'c' should lie in model-2-of-2"), "{lost}");
        index(folder.path(), &[("a", "model-1-of-2.safetensors"), ("b", "gone.safetensors")]);
        assert_eq!(StateDict::open(folder.path()).expect_err("a shard is lost").kind(), Kind::ModelMissing);
        for outside in ["../model-1-of-2.safetensors", "/etc/passwd", "..", ""] {
            index(folder.path(), &[("a", outside)]);
            let refused = StateDict::open(folder.path()).expect_err("it lies elsewhere");
            assert!(refused.reason().contains("beside it"), "{refused}");
        }
        index(folder.path(), &[]);
        assert!(StateDict::open(folder.path()).is_err(), "an index of nothing");
    }

    #[test]
    fn a_folder_with_one_file_stands_for_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let empty = StateDict::open(folder.path()).expect_err("nothing there");
        assert!(empty.reason().contains("no weights"), "{empty}");
        shard(folder.path(), "model.safetensors", "a", 3.0);
        std::fs::write(folder.path().join("pytorch_model.bin"), "the same in another format").expect("a file");
        assert_eq!(StateDict::open(folder.path()).expect("the one").f32("a").expect("a tensor"), [3.0]);
        shard(folder.path(), "other.safetensors", "a", 4.0);
        let several = StateDict::open(folder.path()).expect_err("which one?");
        assert!(several.what_to_do().contains("model.safetensors, other.safetensors"), "{several}");
    }
}
