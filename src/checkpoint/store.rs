//! A set of named tensors, whatever it was read from. Cheap to clone, decoded tensor by tensor.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use super::element::Element;
use super::entry::{Backing, Entry, Source};
use super::generate::{GeneratedWeights, Rule, start_state};
use super::{names, pth, safetensors, shards};
use crate::base::{Error, Kind, Result};

#[derive(Debug, Clone)]
pub struct StateDict {
    pub(super) name: Arc<str>,
    pub(super) entries: Arc<BTreeMap<String, Entry>>,
    pub(super) metadata: Arc<BTreeMap<String, String>>,
}

impl StateDict {
    /// Opens a safetensors or .pth file; which of the two is decided by its content. A folder stands for the weights in it,
    /// and an index (`*.index.json`) for its shards. Files are mapped, not read: they must not be overwritten in place while
    /// the set is alive (replacing them by a rename is fine).
    pub fn open(path: &Path) -> Result<StateDict> {
        if path.is_dir() {
            return StateDict::open(&shards::of_folder(path)?);
        }
        if path.to_string_lossy().ends_with(shards::INDEX) && path.is_file() {
            return shards::of_index(path);
        }
        let name = path.display().to_string();
        let failed = |e: std::io::Error| match e.kind() {
            ErrorKind::NotFound => Error::new(Kind::ModelMissing, format!("checkpoint {name}"))
                .why("there is no such file")
                .advice("check the path"),
            _ => Error::new(Kind::Checkpoint, format!("checkpoint {name}")).why(e),
        };
        let file = File::open(path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        if about.len() == 0 {
            // An empty file cannot be mapped everywhere; the parser words the message.
            return StateDict::read(Backing::Static(&[]), &name);
        }
        // SAFETY: the mapping is read-only and private to this set; that nobody truncates the file meanwhile is the
        // documented condition of `open`.
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(failed)?;
        StateDict::read(Backing::Map(map), &name)
    }

    /// Weights that are part of the program.
    pub fn from_static(bytes: &'static [u8], name: &str) -> Result<StateDict> {
        StateDict::read(Backing::Static(bytes), name)
    }

    pub fn from_bytes(bytes: Vec<u8>, name: &str) -> Result<StateDict> {
        StateDict::read(Backing::Owned(bytes), name)
    }

    /// Weights made by the rule when they are asked for; nothing is stored.
    pub fn generated(weights: GeneratedWeights, name: &str) -> StateDict {
        let entry = |tensor: super::generate::GeneratedTensor| {
            let (element, source) = match tensor.rule {
                Rule::Uniform { lo, hi } => {
                    (Element::F32, Source::Uniform { state: start_state(&tensor.name, weights.seed), lo, hi })
                }
                Rule::Listed { element, bytes, repeated } => {
                    let backing = Arc::new(Backing::Owned(bytes));
                    let strides = vec![0; tensor.shape.len()];
                    let strided = Source::Strided { backing: Arc::clone(&backing), at: 0, strides };
                    (element, if repeated { strided } else { Source::Dense { backing, at: 0 } })
                }
            };
            (tensor.name, Entry { element, shape: tensor.shape, source })
        };
        StateDict::assemble(name, weights.tensors.into_iter().map(entry).collect(), BTreeMap::new())
    }

    fn read(backing: Backing, name: &str) -> Result<StateDict> {
        let backing = Arc::new(backing);
        if pth::recognises(backing.bytes()) {
            let (entries, metadata) = pth::parse(backing, name)?;
            return Ok(StateDict::assemble(name, entries, metadata));
        }
        let parsed = safetensors::parse(backing, name)?;
        Ok(StateDict::assemble(name, parsed.entries, parsed.metadata))
    }

    fn assemble(name: &str, entries: BTreeMap<String, Entry>, metadata: BTreeMap<String, String>) -> StateDict {
        StateDict { name: name.into(), entries: Arc::new(entries), metadata: Arc::new(metadata) }
    }

    /// The path or label it was opened under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All names, sorted.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    pub fn contains(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn shape(&self, key: &str) -> Option<&[usize]> {
        self.entries.get(key).map(|e| e.shape.as_slice())
    }

    pub fn dtype(&self, key: &str) -> Option<Element> {
        self.entries.get(key).map(|e| e.element)
    }

    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// Bytes of all tensors as they are stored.
    pub fn bytes(&self) -> u64 {
        self.entries.values().map(Entry::bytes).fold(0, u64::saturating_add)
    }

    /// Elements of all float tensors; integer buffers are no parameters.
    pub fn parameters(&self) -> u64 {
        let floats = self.entries.values().filter(|e| e.element.is_float());
        floats.map(|e| e.elements() as u64).fold(0, u64::saturating_add)
    }

    /// The values of a float tensor, row-major. A value that is no finite f32 is an error that says where it is.
    pub fn f32(&self, key: &str) -> Result<Vec<f32>> {
        let elements = self.entry(key)?.elements();
        self.f32_range(key, 0, elements)
    }

    /// `count` values from flat index `first` on: rows of an embedding, or one piece of a streamed upload.
    pub fn f32_range(&self, key: &str, first: usize, count: usize) -> Result<Vec<f32>> {
        let entry = self.ranged(key, first, count)?;
        let mut out = self.room(key, count)?;
        if !entry.append_f32(first, count, &mut out) {
            return Err(self.wrong_type(key, entry, "floats"));
        }
        if let Some(at) = first_not_finite(&out) {
            return Err(self.not_finite(key, entry, first + at, out[at]));
        }
        Ok(out)
    }

    /// The values of a float tensor with all the bits that the file holds.
    pub fn f64(&self, key: &str) -> Result<Vec<f64>> {
        let entry = self.entry(key)?;
        let count = entry.elements();
        let mut out = self.room(key, count)?;
        let float = match entry.dense(0, count) {
            Some(bytes) => entry.element.append_f64(&bytes, &mut out),
            None => {
                out.extend(self.f32(key)?.into_iter().map(f64::from));
                true
            }
        };
        if !float {
            return Err(self.wrong_type(key, entry, "floats"));
        }
        match out.iter().position(|v| !v.is_finite()) {
            Some(at) => Err(self.not_finite(key, entry, at, out[at] as f32)),
            None => Ok(out),
        }
    }

    /// The values of an integer or boolean tensor.
    pub fn i64(&self, key: &str) -> Result<Vec<i64>> {
        let entry = self.entry(key)?;
        let count = entry.elements();
        let mut out = self.room(key, count)?;
        match entry.dense(0, count) {
            Some(bytes) if entry.element.append_i64(&bytes, &mut out) => Ok(out),
            _ => Err(self.wrong_type(key, entry, "integers that fit i64")),
        }
    }

    /// The stored bytes, row-major and little-endian, with no check of the values; None for generated tensors.
    pub fn raw(&self, key: &str) -> Result<Option<Cow<'_, [u8]>>> {
        let entry = self.entry(key)?;
        Ok(entry.dense(0, entry.elements()))
    }

    /// The same tensors under other names; `None` leaves a tensor out. Nothing is copied.
    pub fn with_renamed(&self, rename: impl Fn(&str) -> Option<String>) -> Result<StateDict> {
        let mut from: BTreeMap<String, &str> = BTreeMap::new();
        let mut entries = BTreeMap::new();
        for (key, entry) in self.entries.iter() {
            let Some(new) = rename(key) else { continue };
            if let Some(other) = from.insert(new.clone(), key) {
                return Err(self.error(format!("tensors '{other}' and '{key}' would both be called '{new}'")));
            }
            entries.insert(new, entry.clone());
        }
        Ok(StateDict { name: self.name.clone(), entries: Arc::new(entries), metadata: self.metadata.clone() })
    }

    /// The rows of `key` under names of their own, in order and together all of them (fused q, k, v projections); the
    /// fused tensor is gone. Nothing is copied.
    pub fn with_rows_split(&self, key: &str, names: &[String]) -> Result<StateDict> {
        let entry = self.entry(key)?;
        let each = entry.shape.first().map_or(0, |rows| rows / names.len().max(1));
        let mut entries = BTreeMap::clone(&self.entries);
        entries.remove(key);
        for (i, name) in names.iter().enumerate() {
            let exact = entry.shape.first() == Some(&(each * names.len()));
            let part = entry.rows(i * each, each).filter(|_| exact).ok_or_else(|| {
                self.error(format!("tensor '{key}' of shape {:?} has no {} equal parts", entry.shape, names.len()))
            })?;
            if entries.insert(name.clone(), part).is_some() {
                return Err(self.error(format!("tensors '{key}' and '{name}' say the same")));
            }
        }
        Ok(StateDict { name: self.name.clone(), entries: Arc::new(entries), metadata: self.metadata.clone() })
    }

    /// The tensors whose names start with `prefix`, without it.
    pub fn under(&self, prefix: &str) -> StateDict {
        let inside = self.entries.range(prefix.to_string()..).take_while(|(k, _)| k.starts_with(prefix));
        let entries = inside.map(|(k, e)| (k[prefix.len()..].to_string(), e.clone())).collect();
        StateDict { name: self.name.clone(), entries: Arc::new(entries), metadata: self.metadata.clone() }
    }

    /// The tensors without the wrappers that training programs put around them; see [`names::unwrap`].
    pub fn unwrapped(&self) -> Result<StateDict> {
        let keys: Vec<&str> = self.keys().collect();
        let plan = names::unwrap(&keys);
        if plan.is_identity() { Ok(self.clone()) } else { self.with_renamed(|key| plan.rename(key)) }
    }

    /// These tensors and those of `other` (an adapter, the next shard); a name in both is an error. The metadata of
    /// `self` wins.
    pub fn joined(&self, other: &StateDict) -> Result<StateDict> {
        let mut entries = BTreeMap::clone(&self.entries);
        for (key, entry) in other.entries.iter() {
            if entries.insert(key.clone(), entry.clone()).is_some() {
                return Err(self.error(format!("tensor '{key}' is also in {}", other.name)));
            }
        }
        let mut metadata = BTreeMap::clone(&other.metadata);
        metadata.extend(self.metadata.iter().map(|(k, v)| (k.clone(), v.clone())));
        Ok(StateDict { name: self.name.clone(), entries: Arc::new(entries), metadata: Arc::new(metadata) })
    }

    /// The tensors called `keep` and one more, row-major: what a buffer is packed from when several tensors make it.
    pub fn with_values<'k>(
        &self,
        keep: impl IntoIterator<Item = &'k str>,
        key: &str,
        shape: Vec<usize>,
        values: &[f32],
    ) -> StateDict {
        let own = |k: &str| Some((k.to_owned(), self.entries.get(k)?.clone()));
        let mut entries: BTreeMap<String, Entry> = keep.into_iter().filter_map(own).collect();
        let backing = Arc::new(Backing::Owned(values.iter().flat_map(|v| v.to_le_bytes()).collect()));
        let entry = Entry { element: Element::F32, shape, source: Source::Dense { backing, at: 0 } };
        entries.insert(key.to_owned(), entry);
        StateDict { entries: Arc::new(entries), ..self.clone() }
    }

    /// The same tensors under another name in messages.
    pub(super) fn with_name(self, name: &str) -> StateDict {
        StateDict { name: name.into(), ..self }
    }

    /// The same tensors with other metadata.
    pub fn with_metadata(&self, metadata: BTreeMap<String, String>) -> StateDict {
        StateDict { metadata: Arc::new(metadata), ..self.clone() }
    }

    /// The error for a tensor that is not there, with the names that come nearest.
    pub fn missing(&self, key: &str) -> Error {
        let near = names::nearest(key, self.keys());
        let error = self.error(format!("it has no tensor '{key}' among its {}", self.entries.len()));
        if near.is_empty() {
            return error.advice("is this a checkpoint of another model?");
        }
        let near: Vec<String> = near.iter().map(|n| format!("'{n}'")).collect();
        error.advice(format!("nearest names: {}", near.join(", ")))
    }

    fn entry(&self, key: &str) -> Result<&Entry> {
        self.entries.get(key).ok_or_else(|| self.missing(key))
    }

    fn ranged(&self, key: &str, first: usize, count: usize) -> Result<&Entry> {
        let entry = self.entry(key)?;
        match first.checked_add(count) {
            Some(end) if end <= entry.elements() => Ok(entry),
            _ => {
                let shape = &entry.shape;
                Err(self.error(format!("tensor '{key}' of shape {shape:?} has no elements {first} + {count}")))
            }
        }
    }

    /// Room for the values, or an error where the machine has none: a shape in a case file may promise anything.
    fn room<T>(&self, key: &str, count: usize) -> Result<Vec<T>> {
        let mut out = Vec::new();
        out.try_reserve_exact(count).map_err(|e| {
            Error::new(Kind::Memory, format!("checkpoint {}", self.name)).why(format!("tensor '{key}': {e}"))
        })?;
        Ok(out)
    }

    fn error(&self, why: String) -> Error {
        Error::new(Kind::Checkpoint, format!("checkpoint {}", self.name)).why(why)
    }

    fn wrong_type(&self, key: &str, entry: &Entry, wanted: &str) -> Error {
        self.error(format!("tensor '{key}' holds {}, expected {wanted}", entry.element.name()))
    }

    fn not_finite(&self, key: &str, entry: &Entry, flat: usize, value: f32) -> Error {
        let mut index = vec![0; entry.shape.len()];
        let mut rest = flat;
        for (i, d) in index.iter_mut().zip(&entry.shape).rev() {
            (*i, rest) = (rest % d.max(&1), rest / d.max(&1));
        }
        let stored = entry.element.name();
        self.error(format!("tensor '{key}' ({stored}) holds {value} at index {index:?}, which is no finite f32"))
            .advice("the training diverged or the file is damaged; use another checkpoint")
    }
}

/// A fold without a branch first: it runs at memory speed, and damaged weights are rare.
fn first_not_finite(values: &[f32]) -> Option<usize> {
    const EXPONENT: u32 = 0x7f80_0000;
    let bad = |v: &f32| v.to_bits() & EXPONENT == EXPONENT;
    if !values.iter().fold(false, |any, v| any | bad(v)) {
        return None;
    }
    values.iter().position(bad)
}

#[cfg(test)]
mod tests {
    use super::super::write::{Data, write_safetensors};
    use super::*;
    use serde_json::json;

    fn generated(tensors: serde_json::Value) -> StateDict {
        StateDict::generated(GeneratedWeights::from_json(&json!({"seed": 3, "tensors": tensors})).unwrap(), "gen")
    }

    fn stored(tensors: Vec<(&str, Vec<usize>, Data)>) -> StateDict {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.safetensors");
        let tensors = tensors.into_iter().map(|(n, s, d)| (n.to_string(), s, d)).collect();
        write_safetensors(&path, tensors, &BTreeMap::from([("a".into(), "1".into())]), true).unwrap();
        StateDict::from_bytes(std::fs::read(path).unwrap(), "stored").unwrap()
    }

    #[test]
    fn a_generated_set_answers_like_a_stored_one() {
        let dict = generated(json!([
            {"name": "w", "shape": [2, 3], "lo": -1, "hi": 1},
            {"name": "steps", "shape": [2], "value": 7},
            {"name": "mean", "shape": [2], "dtype": "F32", "values": [0.5, 0.25]}]));
        assert_eq!(dict.keys().collect::<Vec<_>>(), ["mean", "steps", "w"]);
        assert_eq!((dict.shape("w"), dict.dtype("w")), (Some(&[2, 3][..]), Some(Element::F32)));
        let whole = dict.f32("w").unwrap();
        assert_eq!(dict.f32_range("w", 2, 3).unwrap(), whole[2..5]);
        assert_eq!(dict.f64("w").unwrap()[5], f64::from(whole[5]));
        assert_eq!(dict.i64("steps").unwrap(), [7, 7]);
        assert_eq!(dict.f32("mean").unwrap(), [0.5, 0.25]);
        assert_eq!((dict.parameters(), dict.bytes()), (8, 4 * 8 + 16));
        let renamed = dict.with_renamed(|k| Some(format!("net.{k}"))).unwrap();
        assert_eq!(renamed.f32("net.w").unwrap(), whole, "the rule goes by the first name");
    }

    #[test]
    fn views_copy_nothing_and_refuse_collisions() {
        let dict =
            stored(vec![("module.a", vec![1], Data::F32(vec![1.0])), ("module.b", vec![2], Data::F32(vec![2.0, 3.0]))]);
        let plain = dict.unwrapped().unwrap();
        assert_eq!(plain.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(plain.f32("b").unwrap(), [2.0, 3.0]);
        assert_eq!(dict.under("module.").keys().count(), 2);
        assert_eq!(dict.under("other.").keys().count(), 0);
        let e = dict.with_renamed(|_| Some("x".into())).unwrap_err().to_string();
        assert!(e.contains("'module.a' and 'module.b' would both be called 'x'"), "{e}");
        let one = dict.with_renamed(|k| k.ends_with('a').then(|| "x".into())).unwrap();
        assert_eq!(one.joined(&plain).unwrap().keys().collect::<Vec<_>>(), ["a", "b", "x"]);
        assert!(one.joined(&one).unwrap_err().to_string().contains("'x' is also in"));
        assert_eq!(one.metadata()["a"], "1");
    }

    #[test]
    fn values_that_are_no_numbers_are_located() {
        let mut values = vec![0.0; 12];
        values[7] = f32::NAN;
        let dict = stored(vec![("w", vec![3, 4], Data::F32(values)), ("big", vec![1], Data::F64(vec![1e300]))]);
        let e = dict.f32("w").unwrap_err();
        assert_eq!(e.kind(), Kind::Checkpoint);
        assert!(e.to_string().contains("'w' (F32) holds NaN at index [1, 3]"), "{e}");
        assert!(dict.f32_range("w", 5, 3).unwrap_err().to_string().contains("[1, 3]"), "a range counts from its start");
        assert_eq!(dict.f32_range("w", 8, 4).unwrap(), [0.0; 4]);
        assert!(dict.f32("big").unwrap_err().to_string().contains("holds inf"));
        assert_eq!(dict.f64("big").unwrap(), [1e300]);
    }

    #[test]
    fn wrong_questions_get_clear_answers() {
        let dict = stored(vec![("encoder.w", vec![1], Data::F32(vec![1.0])), ("n", vec![1], Data::I64(vec![1]))]);
        let e = dict.f32("encoder.v").unwrap_err().to_string();
        assert!(e.contains("no tensor 'encoder.v'") && e.contains("'encoder.w'"), "{e}");
        assert!(dict.f32("n").unwrap_err().to_string().contains("'n' holds I64, expected floats"));
        assert!(dict.i64("encoder.w").unwrap_err().to_string().contains("expected integers"));
        assert!(dict.f32_range("n", 1, usize::MAX).is_err());
        let huge = generated(json!([{"name": "w", "shape": [2147483648u64], "lo": 0, "hi": 1}]));
        assert_eq!(huge.f32_range("w", 2_147_483_647, 1).unwrap().len(), 1, "a piece of what never lies in memory");
    }

    #[test]
    fn files_that_cannot_be_opened() {
        let dir = tempfile::tempdir().unwrap();
        let say = |p: &Path| StateDict::open(p).unwrap_err();
        assert_eq!(say(&dir.path().join("none.safetensors")).kind(), Kind::ModelMissing);
        assert!(say(dir.path()).to_string().contains("no weights"));
        let empty = dir.path().join("empty");
        std::fs::write(&empty, []).unwrap();
        assert!(say(&empty).to_string().contains("0 bytes"));
        fn shared<T: Send + Sync + Clone>() {}
        shared::<StateDict>();
    }
}
