//! The safetensors format: eight bytes of header length, a JSON header, row-major little-endian data.
//!
//! Read by ourselves, so that a damaged file is told apart from a wrong one and the message says by how much. The
//! format's own library keeps one of two tensors of a name without a word, and says of all damage but little.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::entry::{Backing, Entry, Source, element_count};

use super::element::Element;
use crate::base::{Error, Kind, Result};

/// The same cap as the format's own library: a longer header is an attack or no header.
const MAX_HEADER: u64 = 100_000_000;

pub struct Parsed {
    pub entries: BTreeMap<String, Entry>,
    pub metadata: BTreeMap<String, String>,
}

/// The JSON object with its keys in file order, duplicates included (a map would keep the last one silently).
struct Header(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Header;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Header(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

/// Reads the header; the data stays where it is.
pub fn parse(backing: Arc<Backing>, name: &str) -> Result<Parsed> {
    let file = backing.bytes();
    let bad = |why: String, advice: &str| {
        Error::new(Kind::Checkpoint, format!("checkpoint {name}")).why(why).advice(advice.to_string())
    };
    const AGAIN: &str = "the file is damaged; download or copy it again";
    if file.is_empty() {
        return Err(bad("the file is empty (0 bytes)".into(), AGAIN));
    }
    if let Some((what, advice)) = foreign(file) {
        return Err(bad(format!("this is {what}, not safetensors"), advice));
    }
    let Some((length, rest)) = file.split_first_chunk::<8>() else {
        return Err(bad(format!("{} bytes are too few for a safetensors header", file.len()), AGAIN));
    };
    let length = u64::from_le_bytes(*length);
    if length > MAX_HEADER || rest.first().is_some_and(|b| *b != b'{') {
        return Err(bad("this is no safetensors file".into(), "give a .safetensors or .pth checkpoint"));
    }
    let length = length as usize;
    let Some(header) = rest.get(..length) else {
        let why = format!("the header is cut off: {} of its {length} bytes are missing", length - rest.len());
        return Err(bad(why, AGAIN));
    };
    let Header(pairs) =
        serde_json::from_slice(header).map_err(|e| bad(format!("the header is no JSON: {e}"), AGAIN))?;
    let data_at = 8 + length;
    let mut parsed = Parsed { entries: BTreeMap::new(), metadata: BTreeMap::new() };
    let mut ranges = Vec::with_capacity(pairs.len());
    for (key, value) in pairs {
        if key == "__metadata__" {
            parsed.metadata = metadata(value).map_err(|why| bad(why, AGAIN))?;
            continue;
        }
        let (element, shape, start, end) =
            tensor(&value).map_err(|why| bad(format!("tensor '{key}': {why}"), "convert the checkpoint again"))?;
        ranges.push((start, end, key.clone()));
        let at =
            data_at.checked_add(start).ok_or_else(|| bad(format!("tensor '{key}': its offset overflows"), AGAIN))?;
        let entry = Entry { element, shape, source: Source::Dense { backing: Arc::clone(&backing), at } };
        if parsed.entries.insert(key.clone(), entry).is_some() {
            return Err(bad(format!("tensor '{key}' is listed twice"), "convert the checkpoint again"));
        }
    }
    check_ranges(ranges, file.len() - data_at).map_err(|why| bad(why, AGAIN))?;
    Ok(parsed)
}

fn metadata(value: Value) -> Result<BTreeMap<String, String>, String> {
    let Value::Object(map) = value else { return Err("its metadata is no object".into()) };
    let text = |(k, v)| match v {
        Value::String(s) => Ok((k, s)),
        _ => Err(format!("metadata '{k}' is no text")),
    };
    map.into_iter().map(text).collect()
}

fn tensor(value: &Value) -> Result<(Element, Vec<usize>, usize, usize), String> {
    let dtype = value.get("dtype").and_then(Value::as_str).ok_or("it has no dtype")?;
    let element = Element::from_name(dtype).ok_or_else(|| format!("numbers of type {dtype} are not supported"))?;
    let numbers = |key: &str| -> Result<Vec<usize>, String> {
        let list = value.get(key).and_then(Value::as_array).ok_or_else(|| format!("it has no {key}"))?;
        let number = |v: &Value| v.as_u64().and_then(|n| usize::try_from(n).ok());
        list.iter().map(|v| number(v).ok_or_else(|| format!("{key} holds {v}"))).collect()
    };
    let shape = numbers("shape")?;
    let offsets = numbers("data_offsets")?;
    let [start, end] = offsets[..] else { return Err("data_offsets are no pair".into()) };
    let needed = element_count(&shape).and_then(|n| n.checked_mul(element.size()));
    let needed = needed.ok_or_else(|| format!("shape {shape:?} is too large"))?;
    match end.checked_sub(start) {
        Some(length) if length == needed => Ok((element, shape, start, end)),
        Some(length) => Err(format!("shape {shape:?} of {dtype} needs {needed} bytes, its offsets span {length}")),
        None => Err(format!("its offsets run backwards ({start} to {end})")),
    }
}

/// The format demands that tensors tile the data without overlap, hole or remainder.
fn check_ranges(mut ranges: Vec<(usize, usize, String)>, available: usize) -> Result<(), String> {
    ranges.sort();
    let mut covered = 0;
    let mut last = "";
    for (start, end, key) in &ranges {
        if *start < covered {
            return Err(format!("tensors '{last}' and '{key}' overlap"));
        }
        if *start > covered {
            return Err(format!("{} bytes before tensor '{key}' belong to no tensor", start - covered));
        }
        (covered, last) = (*end, key);
    }
    if covered > available {
        let missing = covered - available;
        return Err(format!("the data is cut off: {missing} of {covered} bytes are missing"));
    }
    if covered < available {
        return Err(format!("{} bytes after the last tensor belong to no tensor", available - covered));
    }
    Ok(())
}

/// Names the usual wrong files, with what to do about each.
fn foreign(file: &[u8]) -> Option<(&'static str, &'static str)> {
    let text = file[..file.len().min(256)].trim_ascii_start().to_ascii_lowercase();
    let is = |magic: &[u8]| file.starts_with(magic);
    let says = |start: &str| text.starts_with(start.as_bytes());
    const GIVE: &str = "give a .safetensors or .pth checkpoint";
    if says("version https://git-lfs") {
        Some(("a Git LFS pointer", "fetch the real file with 'git lfs pull'"))
    } else if says("<!doctype") || says("<html") || says("<?xml") {
        Some(("a web page", "the download went wrong: follow the link for the file itself"))
    } else if is(b"PK") {
        Some(("a zip archive", GIVE))
    } else if is(b"GGUF") {
        Some(("a GGUF file", GIVE))
    } else if is(b"\x89HDF") {
        Some(("an HDF5 file", GIVE))
    } else if is(b"\x93NUMPY") {
        Some(("a NumPy array", GIVE))
    } else if is(b"\x89PNG") || is(b"\xff\xd8\xff") || is(b"II*\0") || is(b"MM\0*") || is(b"RIFF") {
        Some(("a picture", GIVE))
    } else if is(b"\x1f\x8b") || is(b"7z\xbc\xaf") || is(b"\x28\xb5\x2f\xfd") || is(b"\xfd7zXZ") {
        Some(("a compressed archive", "unpack it first"))
    } else if !text.is_empty() && file.iter().take(64).all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace()) {
        Some(("a text file", GIVE))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let mut out = (header.len() as u64).to_le_bytes().to_vec();
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(data);
        out
    }

    fn say(bytes: Vec<u8>) -> String {
        match parse(Arc::new(Backing::Owned(bytes)), "t") {
            Ok(_) => "accepted".into(),
            Err(e) => {
                assert_eq!(e.kind(), Kind::Checkpoint);
                e.to_string()
            }
        }
    }

    const ONE: &str = r#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"__metadata__":{"a":"b"}}"#;

    #[test]
    fn a_good_file_is_read() {
        let parsed = parse(Arc::new(Backing::Owned(file(ONE, &[0; 8]))), "t").unwrap();
        assert_eq!(parsed.metadata["a"], "b");
        assert_eq!(parsed.entries["w"].shape, [2]);
        assert_eq!(say(file("{}", &[])), "accepted", "an empty set is a set");
    }

    #[test]
    fn damage_says_how_much_is_missing() {
        assert!(say(vec![]).contains("empty (0 bytes)"));
        assert!(say(vec![9, 0, 0]).contains("3 bytes are too few"));
        let whole = file(ONE, &[0; 8]);
        assert!(say(whole[..20].to_vec()).contains("cut off"));
        let header = ONE.len() - 12;
        assert!(say(whole[..20].to_vec()).contains(&format!("{header} of its {} bytes are missing", ONE.len())));
        assert!(say(whole[..whole.len() - 3].to_vec()).contains("3 of 8 bytes are missing"));
        assert!(say(file(ONE, &[0; 10])).contains("2 bytes after the last tensor"));
    }

    #[test]
    fn wrong_files_are_recognised() {
        assert!(say(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n".to_vec()).contains("git lfs pull"));
        assert!(say(b"\n<!DOCTYPE html><html>".to_vec()).contains("web page"));
        assert!(say(b"PK\x03\x04aaaaaaaaaaaaaa".to_vec()).contains("zip"));
        assert!(say(b"hello world, this is a text".to_vec()).contains("text file"));
        assert!(say(b"\x89PNG\r\n\x1a\n0000".to_vec()).contains("picture"));
        assert!(say(vec![0xff; 64]).contains("no safetensors"));
    }

    #[test]
    fn offsets_must_tile_the_data() {
        let two = |a: &str, b: &str| {
            let t = |n: &str, o: &str| format!(r#""{n}":{{"dtype":"U8","shape":[4],"data_offsets":[{o}]}}"#);
            say(file(&format!("{{{},{}}}", t("a", a), t("b", b)), &[0; 8]))
        };
        assert_eq!(two("4,8", "0,4"), "accepted", "any order");
        assert!(two("0,4", "2,6").contains("'a' and 'b' overlap"));
        assert!(two("0,4", "5,9").contains("1 bytes before tensor 'b'"));
        assert!(two("4,0", "4,8").contains("backwards"));
        assert!(two("0,5", "5,9").contains("needs 4 bytes"));
    }

    #[test]
    fn duplicates_and_nonsense_are_refused() {
        let t = r#"{"dtype":"U8","shape":[4],"data_offsets":[0,4]}"#;
        assert!(say(file(&format!(r#"{{"a":{t},"a":{t}}}"#), &[0; 4])).contains("'a' is listed twice"));
        let one = |dtype: &str, shape: &str, offsets: &str| {
            say(file(&format!(r#"{{"a":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#), &[0; 4]))
        };
        assert!(one("F8_E4M3", "[4]", "[0,4]").contains("F8_E4M3"));
        assert!(one("F32", "[4294967296,4294967296]", "[0,4]").contains("too large"));
        assert!(one("F32", "[-1]", "[0,4]").contains("shape holds -1"));
        assert!(one("U8", "[0]", "[18446744073709551615,18446744073709551615]").contains("overflows"));
        assert!(one("U8", "[4]", "[0]").contains("no pair"));
        assert!(say(file(r#"{"__metadata__":{"a":1}}"#, &[])).contains("metadata 'a'"));
        assert!(say(file("{nonsense}", &[])).contains("no JSON"));
    }

    #[test]
    fn no_bent_byte_panics() {
        let whole = file(ONE, &[0; 8]);
        for i in 0..whole.len() {
            for bend in [0u8, 0xff, whole[i] ^ 1, whole[i] ^ 0x80, b'9', b'{'] {
                let mut bent = whole.clone();
                bent[i] = bend;
                let _ = say(bent);
            }
            let _ = say(whole[..i].to_vec());
        }
    }
}
