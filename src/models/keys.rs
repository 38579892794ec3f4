//! Helpers to rename the keys of one layout to those of another.

/// `"12.rest"` as 12 and `rest`; `"12"` as 12 and nothing.
pub fn split_index(path: &str) -> Option<(u32, Option<&str>)> {
    match path.split_once('.') {
        Some((index, rest)) => Some((index.parse().ok()?, Some(rest))),
        None => Some((path.parse().ok()?, None)),
    }
}
