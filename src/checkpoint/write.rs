//! Writes safetensors files: prompt tokens, converted checkpoints, outputs of a conformance case.
//!
//! By ourselves: the format's own library writes metadata in a random order, so that equal input gives different bytes,
//! and has no way to stop where a tensor cannot be converted. A test reads our files with that library.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use half::f16;
use serde_json::{Map, Value, json};

use super::element::Element;
use super::entry::element_count;
use super::store::StateDict;
use crate::base::file::{unwritten, write_atomic_with};
use crate::base::{Error, Kind, Result};

/// The values of one tensor to write.
#[derive(Debug, Clone)]
pub enum Data {
    F32(Vec<f32>),
    F16(Vec<f16>),
    F64(Vec<f64>),
    I64(Vec<i64>),
    I32(Vec<i32>),
    /// A tensor of another set, read when its turn comes, so that a large checkpoint never lies in memory whole.
    /// Floats can be stored as F32 or F16, anything keeps its own type with None.
    From(StateDict, String, Option<Element>),
}

impl Data {
    fn element(&self) -> Result<Element> {
        Ok(match self {
            Data::F32(_) => Element::F32,
            Data::F16(_) => Element::F16,
            Data::F64(_) => Element::F64,
            Data::I64(_) => Element::I64,
            Data::I32(_) => Element::I32,
            Data::From(dict, key, wanted) => {
                let stored = dict.dtype(key).ok_or_else(|| dict.missing(key))?;
                match wanted {
                    Some(e @ (Element::F32 | Element::F16)) if stored.is_float() => *e,
                    Some(e) if *e != stored => {
                        return Err(Error::new(Kind::Output, format!("tensor '{key}' of {}", dict.name()))
                            .why(format!("{} is not stored as {}", stored.name(), e.name())));
                    }
                    _ => stored,
                }
            }
        })
    }

    fn count(&self) -> Option<usize> {
        match self {
            Data::F32(v) => Some(v.len()),
            Data::F16(v) => Some(v.len()),
            Data::F64(v) => Some(v.len()),
            Data::I64(v) => Some(v.len()),
            Data::I32(v) => Some(v.len()),
            Data::From(dict, key, _) => dict.shape(key).and_then(element_count),
        }
    }

    fn bytes(&self) -> Result<Cow<'_, [u8]>> {
        Ok(match self {
            Data::F32(v) => little(v, f32::to_le_bytes),
            Data::F16(v) => little(v, f16::to_le_bytes),
            Data::F64(v) => little(v, f64::to_le_bytes),
            Data::I64(v) => little(v, i64::to_le_bytes),
            Data::I32(v) => little(v, i32::to_le_bytes),
            Data::From(dict, key, _) => {
                let element = self.element()?;
                match dict.raw(key)? {
                    Some(raw) if dict.dtype(key) == Some(element) => {
                        // Copied bit by bit, but not if nobody could load it.
                        if element.is_float() {
                            dict.f32(key)?;
                        }
                        raw
                    }
                    _ if element == Element::F16 => Cow::Owned(halves(dict, key)?),
                    _ => Cow::Owned(little(&dict.f32(key)?, f32::to_le_bytes).into_owned()),
                }
            }
        })
    }
}

/// A value past the range of f16 would become infinite without a word.
fn halves(dict: &StateDict, key: &str) -> Result<Vec<u8>> {
    let values = dict.f32(key)?;
    let mut out = Vec::with_capacity(values.len() * 2);
    for v in &values {
        let half = f16::from_f32(*v);
        if half.is_infinite() {
            return Err(Error::new(Kind::Checkpoint, format!("tensor '{key}' of {}", dict.name()))
                .why(format!("{v} does not fit f16"))
                .advice("store it as f32"));
        }
        out.extend(half.to_le_bytes());
    }
    Ok(out)
}

/// Memory is already in file order on little-endian machines.
fn little<T: bytemuck::Pod, const N: usize>(values: &[T], to: fn(T) -> [u8; N]) -> Cow<'_, [u8]> {
    if cfg!(target_endian = "little") {
        Cow::Borrowed(bytemuck::cast_slice(values))
    } else {
        Cow::Owned(values.iter().flat_map(|v| to(*v)).collect())
    }
}

/// Writes all tensors, or nothing (see [`write_atomic_with`]). The order in the file is by element size and name, so equal
/// input gives equal bytes and every tensor lies aligned.
pub fn write_safetensors(
    path: &Path,
    tensors: Vec<(String, Vec<usize>, Data)>,
    metadata: &BTreeMap<String, String>,
    overwrite: bool,
) -> Result<()> {
    let mut ordered = Vec::with_capacity(tensors.len());
    for (name, shape, data) in tensors {
        let element = data.element()?;
        let count = element_count(&shape);
        if count.is_none() || count != data.count() {
            let why = format!("shape {shape:?} does not match its {} values", data.count().unwrap_or(0));
            return Err(failed(path, format!("tensor '{name}': {why}")));
        }
        ordered.push((name, shape, element, data));
    }
    ordered.sort_by(|a, b| b.2.size().cmp(&a.2.size()).then_with(|| a.0.cmp(&b.0)));
    let header = header(&ordered, metadata).map_err(|why| failed(path, why))?;
    write_atomic_with(path, overwrite, |out| {
        out.write_all(&header).map_err(|e| unwritten(path, &e))?;
        for (_, _, _, data) in &ordered {
            out.write_all(&data.bytes()?).map_err(|e| unwritten(path, &e))?;
        }
        Ok(())
    })
}

type Ordered = (String, Vec<usize>, Element, Data);

fn header(ordered: &[Ordered], metadata: &BTreeMap<String, String>) -> Result<Vec<u8>, String> {
    let mut map = Map::new();
    if !metadata.is_empty() {
        map.insert("__metadata__".into(), json!(metadata));
    }
    let mut offset = 0u64;
    for (name, shape, element, data) in ordered {
        let end = offset + data.count().unwrap_or(0) as u64 * element.size() as u64;
        let about = json!({"dtype": element.name(), "shape": shape, "data_offsets": [offset, end]});
        if name == "__metadata__" || map.insert(name.clone(), about).is_some() {
            return Err(format!("the name '{name}' is taken"));
        }
        offset = end;
    }
    let mut text = Value::Object(map).to_string().into_bytes();
    text.resize(text.len().next_multiple_of(8), b' ');
    let mut out = (text.len() as u64).to_le_bytes().to_vec();
    out.extend(text);
    Ok(out)
}

fn failed(path: &Path, why: String) -> Error {
    Error::new(Kind::Output, format!("writing {}", path.display())).why(why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn tensors() -> Vec<(String, Vec<usize>, Data)> {
        vec![
            ("half".into(), vec![3], Data::F16([1.0, -2.5, 0.125].map(f16::from_f32).to_vec())),
            ("b".into(), vec![2, 1], Data::F32(vec![1.0, f32::MIN_POSITIVE])),
            ("a".into(), vec![], Data::F64(vec![0.1])),
            ("n".into(), vec![2], Data::I64(vec![-1, i64::MAX])),
            ("i".into(), vec![1], Data::I32(vec![i32::MIN])),
            ("none".into(), vec![0, 4], Data::F32(vec![])),
        ]
    }

    fn metadata() -> BTreeMap<String, String> {
        BTreeMap::from([("z".into(), "1".into()), ("a".into(), "\"quoted\" ü".into())])
    }

    #[test]
    fn what_is_written_is_read_back_by_us_and_by_the_official_reader() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.safetensors");
        write_safetensors(&path, tensors(), &metadata(), true).unwrap();
        let dict = StateDict::open(&path).unwrap();
        assert_eq!(dict.f32("half").unwrap(), [1.0, -2.5, 0.125]);
        assert_eq!(dict.f32("b").unwrap(), [1.0, f32::MIN_POSITIVE]);
        assert_eq!(dict.f64("a").unwrap(), [0.1]);
        assert_eq!(dict.i64("n").unwrap(), [-1, i64::MAX]);
        assert_eq!(dict.i64("i").unwrap(), [i64::from(i32::MIN)]);
        assert_eq!(dict.shape("none").unwrap(), [0, 4]);
        assert_eq!(dict.metadata(), &metadata());
        let bytes = fs::read(&path).unwrap();
        let official = ::safetensors::SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(official.len(), 6);
        assert_eq!(official.tensor("b").unwrap().data()[..4], 1.0f32.to_le_bytes());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file stays");
    }

    #[test]
    fn equal_input_gives_equal_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("1"), dir.path().join("2"));
        write_safetensors(&one, tensors(), &metadata(), true).unwrap();
        write_safetensors(&two, tensors().into_iter().rev().collect(), &metadata(), true).unwrap();
        assert_eq!(fs::read(one).unwrap(), fs::read(two).unwrap());
    }

    #[test]
    fn a_set_is_copied_with_its_types_or_halved() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (dir.path().join("1"), dir.path().join("2"));
        write_safetensors(&one, tensors(), &metadata(), true).unwrap();
        let dict = StateDict::open(&one).unwrap();
        let copy = |as_element: Option<Element>, keys: &[&str]| {
            let from = |k: &&str| {
                (k.to_string(), dict.shape(k).unwrap().to_vec(), Data::From(dict.clone(), k.to_string(), as_element))
            };
            write_safetensors(&two, keys.iter().map(from).collect(), &metadata(), true)
        };
        copy(None, &["half", "b", "a", "n", "i", "none"]).unwrap();
        assert_eq!(fs::read(&one).unwrap(), fs::read(&two).unwrap());
        copy(Some(Element::F16), &["half", "a"]).unwrap();
        assert_eq!(StateDict::open(&two).unwrap().dtype("a"), Some(Element::F16));
        copy(Some(Element::F32), &["half"]).unwrap();
        assert_eq!(StateDict::open(&two).unwrap().f32("half").unwrap(), [1.0, -2.5, 0.125]);
        assert!(copy(Some(Element::F16), &["n"]).is_err());
        let large = vec![("w".into(), vec![1], Data::F32(vec![1e6]))];
        write_safetensors(&one, large, &BTreeMap::new(), true).unwrap();
        let dict = StateDict::open(&one).unwrap();
        let half = vec![("w".into(), vec![1], Data::From(dict, "w".into(), Some(Element::F16)))];
        assert!(
            write_safetensors(&two, half, &BTreeMap::new(), true).unwrap_err().to_string().contains("does not fit f16")
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "a failure leaves nothing behind");
    }

    #[test]
    fn mistakes_write_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t");
        let say = |t: Vec<(String, Vec<usize>, Data)>| {
            let e = write_safetensors(&path, t, &BTreeMap::new(), true).unwrap_err();
            assert_eq!(e.kind(), Kind::Output);
            e.to_string()
        };
        assert!(say(vec![("a".into(), vec![3], Data::F32(vec![1.0]))]).contains("'a': shape [3]"));
        let one = || Data::F32(vec![1.0]);
        assert!(say(vec![("a".into(), vec![1], one()), ("a".into(), vec![1], one())]).contains("'a' is taken"));
        assert!(say(vec![("__metadata__".into(), vec![1], one())]).contains("taken"));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        let nowhere = dir.path().join("no/such/dir/t");
        assert_eq!(write_safetensors(&nowhere, vec![], &BTreeMap::new(), true).unwrap_err().kind(), Kind::Output);
    }
}
