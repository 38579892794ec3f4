//! Helpers to read what the keys of a checkpoint say, and to rename those of one layout to those of another.

use crate::checkpoint::StateDict;

/// `"12.rest"` as 12 and `rest`; `"12"` as 12 and nothing.
pub fn split_index(path: &str) -> Option<(u32, Option<&str>)> {
    match path.split_once('.') {
        Some((index, rest)) => Some((index.parse().ok()?, Some(rest))),
        None => Some((path.parse().ok()?, None)),
    }
}

/// Length of an axis of a tensor.
pub fn axis(dict: &StateDict, key: &str, i: usize) -> Option<u64> {
    dict.shape(key)?.get(i).map(|d| *d as u64)
}

/// Number of children `path.0`, `path.1`, ...
pub fn children(dict: &StateDict, path: &str) -> u64 {
    (0..).take_while(|i| dict.keys().any(|k| k.starts_with(&format!("{path}.{i}.")))).count() as u64
}
