//! Checkpoint files of the stored reference cases.

use std::path::Path;

use vernis::checkpoint::{Case, Data, StateDict, write_safetensors};

use crate::run::Scratch;

/// Writes the tensors that `keep` renames, with what the case says of itself if `described`.
pub fn write(s: &Scratch, name: &str, case: &str, described: bool, keep: impl Fn(&str) -> Option<String>) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cases");
    let case = Case::open(&root.join(case)).expect("a stored case");
    let dict: StateDict = case.weights.unwrapped().expect("weights");
    let one = |key: &str| {
        let shape = dict.shape(key)?.to_vec();
        Some((keep(key)?, shape, Data::From(dict.clone(), key.to_owned(), None)))
    };
    let metadata = [("vernis.architecture", case.family.clone()), ("vernis.config", case.config.to_string())];
    let metadata = metadata.into_iter().filter(|_| described).map(|(k, v)| (k.to_owned(), v)).collect();
    write_safetensors(&s.path(name), dict.keys().filter_map(one).collect(), &metadata, true).expect("written");
    s.text(name)
}

/// The whole checkpoint of a case.
pub fn checkpoint(s: &Scratch, case: &str) -> String {
    write(s, &format!("{case}.safetensors"), case, true, |k| Some(k.to_owned()))
}
