//! PyTorch checkpoints (.pth, .pt): a zip archive with a pickle of the structure and one member for each storage. The
//! tensors stay where they are in the file; nested dictionaries become dotted names.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::entry::{Backing, Entry, Source, element_count};
use super::heap::{Fault, Heap, Id, Object, Tensor};
use super::pickle;
use super::zip::{self, Member};
use crate::base::{Error, Kind, Result};

/// Dictionaries in dictionaries: real files have five levels at most, a cycle has no end.
const MAX_NESTING: usize = 32;

/// Objects looked at while the structure is flattened: shared dictionaries multiply.
const MAX_VISITS: usize = 1 << 20;

/// A view may repeat its storage (an expanded constant), but not blow a small file up to any size.
const MAX_EXPANDED_BYTES: usize = 64 << 20;

/// Bytes of all dotted names together: one long key over many children multiplies too.
const MAX_NAME_BYTES: usize = 128 << 20;

/// The rest of the pickle beside the tensors, as far as it is worth keeping.
const MAX_METADATA: usize = 1024;
const MAX_METADATA_TEXT: usize = 4096;

/// True for zip archives and for the pickles of old PyTorch versions, which are refused with advice.
pub fn recognises(file: &[u8]) -> bool {
    file.starts_with(zip::START) || is_bare_pickle(file)
}

/// A pickle of protocol 2 to 5. A safetensors header could have a length that looks like it, but then the JSON follows.
fn is_bare_pickle(file: &[u8]) -> bool {
    matches!(file, [0x80, 2..=5, ..]) && file.get(8) != Some(&b'{')
}

type Parsed = (BTreeMap<String, Entry>, BTreeMap<String, String>);

pub fn parse(backing: Arc<Backing>, name: &str) -> Result<Parsed> {
    read(&backing)
        .map_err(|f| Error::new(Kind::Checkpoint, format!("checkpoint {name}")).why(f.why).advice(f.advice.to_string()))
}

fn read(backing: &Arc<Backing>) -> Result<Parsed, Fault> {
    let file = backing.bytes();
    if is_bare_pickle(file) {
        return Err(Fault {
            why: "this is a pickle outside a zip archive: PyTorch's format before version 1.6, or no checkpoint".into(),
            advice: "if you trust the file, convert it in Python: \
                     torch.save(torch.load(FILE, map_location='cpu', weights_only=True), NEW_FILE)",
        });
    }
    let list = zip::members(file).map_err(Fault::damaged)?;
    let members: BTreeMap<&str, &Member> = list.iter().map(|m| (m.name.as_str(), m)).collect();
    let member = |name: &str| members.get(name).map(|m| &file[m.at..m.at + m.size]);
    // The archive's folder has the name that the file had when it was saved.
    let Some(root) = members.keys().filter_map(|m| m.strip_suffix("data.pkl")).min_by_key(|root| root.len()) else {
        let first = members.keys().next().unwrap_or(&"nothing");
        return Err(Fault {
            why: format!("this zip archive is no PyTorch checkpoint: it has no data.pkl (but {first})"),
            advice: "give a .safetensors or .pth checkpoint",
        });
    };
    if members.contains_key(format!("{root}constants.pkl").as_str()) {
        return Err(Fault::unsupported("this is a TorchScript program, not a checkpoint"));
    }
    let used = |m: &&&Member| m.name == format!("{root}data.pkl") || m.name.starts_with(&format!("{root}data/"));
    if let Some(packed) = members.values().filter(used).find(|m| !m.plain) {
        return Err(Fault {
            why: format!("member '{}' is compressed, PyTorch stores members as they are", packed.name),
            advice: "unpack the archive and zip it again without compression",
        });
    }
    if member(&format!("{root}byteorder")).is_some_and(|order| order.trim_ascii() != b"little") {
        return Err(Fault {
            why: "it was saved on a big-endian machine".into(),
            advice: "save it again on a little-endian one",
        });
    }
    let (heap, top) = pickle::load(member(&format!("{root}data.pkl")).unwrap_or_default())?;
    let mut flat = Flat { heap: &heap, tensors: Vec::new(), metadata: BTreeMap::new() };
    flat.walk(top)?;
    if flat.tensors.is_empty() {
        return Err(match heap.get(top) {
            Object::Opaque(class) => Fault::unsupported(format!("it holds a whole object of class {class}")),
            other => Fault::unsupported(format!("it holds {} without any tensor", other.describe())),
        });
    }
    let mut entries = BTreeMap::new();
    for (name, tensor) in flat.tensors {
        let bytes_of = |key: &str| members.get(format!("{root}data/{key}").as_str()).map(|m| (m.at, m.size));
        let entry = entry(&heap, tensor, backing, bytes_of)
            .map_err(|f| Fault { why: format!("tensor '{name}': {}", f.why), ..f })?;
        if entries.insert(name.clone(), entry).is_some() {
            return Err(Fault::damaged(format!("two tensors are called '{name}'")));
        }
    }
    Ok((entries, flat.metadata))
}

/// Walks the nested containers without recursion.
struct Flat<'a> {
    heap: &'a Heap,
    tensors: Vec<(String, &'a Tensor)>,
    metadata: BTreeMap<String, String>,
}

impl<'a> Flat<'a> {
    fn walk(&mut self, top: Id) -> Result<(), Fault> {
        let mut open: Vec<(String, Id, usize)> = vec![(String::new(), top, 0)];
        let (mut visits, mut name_bytes) = (0usize, 0usize);
        while let Some((path, id, depth)) = open.pop() {
            let children: Vec<(String, Id)> = match self.heap.get(id) {
                Object::Dict(pairs) => pairs.iter().filter_map(|(k, v)| Some((self.key(*k)?, *v))).collect(),
                Object::List(items) | Object::Tuple(items) => {
                    // Long lists of numbers (a loss a step) are common and hold nothing for us.
                    let worth = |id: &Id| matches!(self.heap.get(*id), o if is_container(o));
                    let items = items.iter().enumerate().filter(|(_, id)| worth(id));
                    items.map(|(i, id)| (i.to_string(), *id)).collect()
                }
                Object::Tensor(tensor) => {
                    let name = if path.is_empty() { "tensor".to_string() } else { path };
                    self.tensors.push((name, tensor));
                    continue;
                }
                _ => continue,
            };
            visits += children.len() + 1;
            if depth >= MAX_NESTING || visits > MAX_VISITS {
                return Err(Fault::hostile("its containers are nested without end"));
            }
            for (key, child) in children {
                let name = if path.is_empty() { key } else { format!("{path}.{key}") };
                name_bytes += name.len();
                if name.len() > MAX_METADATA_TEXT || name_bytes > MAX_NAME_BYTES {
                    return Err(Fault::hostile("it holds names of endless length"));
                }
                if is_container(self.heap.get(child)) {
                    open.push((name, child, depth + 1));
                } else {
                    self.note(name, child);
                }
            }
        }
        Ok(())
    }

    fn key(&self, id: Id) -> Option<String> {
        match self.heap.get(id) {
            Object::Text(text) => Some(text.clone()),
            Object::Int(v) => Some(v.to_string()),
            _ => None,
        }
    }

    /// Keeps a small value beside the weights: the epoch, the name of an architecture.
    fn note(&mut self, name: String, id: Id) {
        if self.metadata.len() >= MAX_METADATA {
            return;
        }
        let text = match self.heap.get(id) {
            Object::Text(text) if text.len() <= MAX_METADATA_TEXT => text.clone(),
            Object::Int(v) => v.to_string(),
            Object::Float(v) => v.to_string(),
            Object::Bool(v) => v.to_string(),
            _ => return,
        };
        self.metadata.insert(name, text);
    }
}

fn is_container(object: &Object) -> bool {
    matches!(object, Object::Dict(_) | Object::List(_) | Object::Tuple(_) | Object::Tensor(_))
}

/// Proves that the view lies inside its storage and the storage inside its member.
fn entry(
    heap: &Heap,
    tensor: &Tensor,
    backing: &Arc<Backing>,
    bytes_of: impl Fn(&str) -> Option<(usize, usize)>,
) -> Result<Entry, Fault> {
    let Object::Storage(storage) = heap.get(tensor.storage) else {
        return Err(Fault::damaged("it has no storage"));
    };
    let (start, length) =
        bytes_of(&storage.key).ok_or_else(|| Fault::damaged(format!("its storage '{}' is missing", storage.key)))?;
    let unit = storage.element.map_or(1, |e| e.size());
    match storage.count.checked_mul(unit) {
        Some(bytes) if bytes <= length => {}
        _ => {
            let why = format!("its storage should hold {} elements and has {length} bytes", storage.count);
            return Err(Fault::damaged(why));
        }
    }
    let size = tensor.element.size();
    let too_large =
        || Fault::hostile(format!("shape {:?} with strides {:?} is too large", tensor.shape, tensor.strides));
    let elements = element_count(&tensor.shape).filter(|n| n.checked_mul(size).is_some()).ok_or_else(too_large)?;
    let shape = tensor.shape.clone();
    if elements == 0 {
        let source = Source::Dense { backing: Arc::clone(backing), at: start };
        return Ok(Entry { element: tensor.element, shape, source });
    }
    let reach = |(d, s): (&usize, &usize)| (d - 1).checked_mul(*s);
    let last = shape.iter().zip(&tensor.strides).map(reach).try_fold(tensor.offset, |n, r| n.checked_add(r?));
    let end = last.and_then(|n| n.checked_add(1)).and_then(|n| n.checked_mul(size)).ok_or_else(too_large)?;
    if end > length {
        return Err(Fault::damaged(format!("it reaches byte {end} of a storage of {length} bytes")));
    }
    if elements * size > length.max(MAX_EXPANDED_BYTES) {
        return Err(too_large());
    }
    let (backing, at) = (Arc::clone(backing), start + tensor.offset * size);
    let source = if is_row_major(&shape, &tensor.strides) {
        Source::Dense { backing, at }
    } else {
        Source::Strided { backing, at, strides: tensor.strides.clone() }
    };
    Ok(Entry { element: tensor.element, shape, source })
}

/// The stride of a dimension of size 1 is never used and may be anything.
fn is_row_major(shape: &[usize], strides: &[usize]) -> bool {
    let mut expected = 1;
    shape.iter().zip(strides).rev().all(|(d, s)| {
        let fits = *d == 1 || *s == expected;
        expected *= d;
        fits
    })
}

#[cfg(test)]
mod tests {
    use super::super::element::Element;
    use super::super::store::StateDict;
    use super::super::zip::testing::archive;
    use super::*;

    macro_rules! fixture {
        ($name:literal) => {
            include_bytes!(concat!("../../tests/golden/pth/", $name, ".pth"))
        };
    }

    fn open(bytes: &'static [u8]) -> StateDict {
        StateDict::from_static(bytes, "fixture").unwrap()
    }

    fn say(bytes: &[u8]) -> String {
        let e = StateDict::from_bytes(bytes.to_vec(), "fixture").unwrap_err();
        assert_eq!(e.kind(), Kind::Checkpoint);
        e.to_string()
    }

    /// The formula of the fixtures.
    fn ramp(indices: impl IntoIterator<Item = i32>) -> Vec<f32> {
        indices.into_iter().map(|i| (i - 8) as f32 / 8.0).collect()
    }

    #[test]
    fn a_plain_state_dict() {
        let dict = open(fixture!("plain"));
        assert_eq!(dict.len(), 7);
        assert_eq!(dict.shape("conv.weight").unwrap(), [4, 3, 2, 2]);
        assert_eq!(dict.f32("conv.weight").unwrap(), ramp(0..48));
        assert_eq!(dict.i64("norm.num_batches_tracked").unwrap(), [0]);
        assert_eq!(open(fixture!("protocol4")).f32("conv.weight").unwrap(), ramp(0..48));
        assert_eq!(open(fixture!("parameter")).f32("w").unwrap(), ramp(0..4));
    }

    #[test]
    fn wrappers_become_dotted_names_and_come_off() {
        for bytes in [&fixture!("params_ema")[..], fixture!("module_prefix"), fixture!("training")] {
            let dict = open(bytes).unwrapped().unwrap();
            assert_eq!(dict.keys().collect::<Vec<_>>(), ["conv.bias", "conv.weight"]);
            assert_eq!(dict.f32("conv.bias").unwrap(), ramp(0..4));
        }
        assert_eq!(open(fixture!("module_prefix")).metadata()["arch"], "tiny");
        assert_eq!(open(fixture!("training")).metadata()["epoch"], "3");
    }

    #[test]
    fn every_number_type() {
        let dict = open(fixture!("types"));
        for key in ["f16", "bf16", "f64"] {
            assert_eq!(dict.f32(key).unwrap(), ramp(0..10), "{key}");
        }
        assert_eq!(dict.dtype("bf16"), Some(Element::BF16));
        assert_eq!(dict.i64("i32").unwrap(), [1, -2]);
        assert_eq!(dict.i64("u8").unwrap(), [1, 255]);
        assert_eq!(dict.i64("u16").unwrap(), [1, 65535]);
        assert_eq!(dict.i64("flag").unwrap(), [1, 0]);
        assert_eq!((dict.shape("scalar").unwrap(), dict.f32("scalar").unwrap()), (&[][..], vec![0.5]));
        assert_eq!((dict.shape("empty").unwrap(), dict.f32("empty").unwrap()), (&[0, 3][..], vec![]));
    }

    #[test]
    fn views_come_out_row_major() {
        let dict = open(fixture!("views"));
        let expect = |key: &str, shape: &[usize], indices: Vec<i32>| {
            assert_eq!(dict.shape(key).unwrap(), shape, "{key}");
            assert_eq!(dict.f32(key).unwrap(), ramp(indices), "{key}");
        };
        expect("transposed", &[6, 4], (0..6).flat_map(|x| (0..4).map(move |y| y * 6 + x)).collect());
        expect("columns", &[4, 3], (0..4).flat_map(|y| [1, 3, 5].map(|x| y * 6 + x)).collect());
        expect("row", &[6], (12..18).collect());
        expect("expanded", &[2, 3], vec![0, 1, 2, 0, 1, 2]);
        let permuted = (0..4).flat_map(|c| (0..2).flat_map(move |a| (0..3).map(move |b| a * 12 + b * 4 + c)));
        expect("permuted", &[4, 2, 3], permuted.collect());
        expect("channels_last", &[1, 3, 2, 2], (0..12).collect());
        assert_eq!(dict.f32_range("transposed", 5, 3).unwrap(), ramp([7, 13, 19]), "a piece of a view");
        let shared = open(fixture!("shared"));
        assert_eq!(shared.f32("a").unwrap(), shared.f32("b").unwrap());
        assert_eq!(shared.f32("tail").unwrap(), ramp(2..6));
    }

    #[test]
    fn what_is_no_plain_checkpoint_is_refused_with_advice() {
        assert!(say(fixture!("legacy")).contains("torch.save(torch.load("));
        let object = say(fixture!("module_object"));
        assert!(object.contains("torch.nn.modules.linear.Linear") && object.contains("state_dict()"), "{object}");
        assert!(say(fixture!("torchscript")).contains("TorchScript"));
        assert!(say(fixture!("big_endian")).contains("big-endian"));
        assert!(say(fixture!("compressed")).contains("'archive/data.pkl' is compressed"));
        assert!(say(fixture!("other_zip")).contains("readme.txt"));
        assert!(say(fixture!("no_tensor")).contains("without any tensor"));
        assert!(say(fixture!("truncated")).contains("cut off"));
    }

    #[test]
    fn attacks_are_refused_by_name() {
        assert!(say(fixture!("hostile_system")).contains("os.system"));
        assert!(say(fixture!("hostile_eval")).contains("builtins.eval"));
        assert!(say(fixture!("hostile_stack_global")).contains("posix.system"));
        assert!(say(fixture!("hostile_unknown_call")).contains("mystery.make"));
        assert!(say(fixture!("hostile_memo_bomb")).contains("without end"));
        assert!(say(fixture!("hostile_cycle")).contains("without end"));
        assert!(say(fixture!("hostile_huge_shape")).contains("too large"));
        assert!(say(fixture!("hostile_expanded")).contains("too large"));
        assert!(say(fixture!("hostile_out_of_range")).contains("reaches byte 20 of a storage of 16 bytes"));
        assert!(say(fixture!("hostile_count")).contains("should hold 1152921504606846976 elements"));
        assert!(say(fixture!("hostile_negative_stride")).contains("negative: -1"));
        assert!(say(fixture!("hostile_missing_storage")).contains("'../0' is missing"));
        assert!(say(fixture!("hostile_long_text")).contains("pickle is cut off"));
    }

    #[test]
    fn no_bent_or_missing_byte_panics() {
        // Also decodes what is still accepted: the proofs of `entry` must hold for it.
        let touch = |bytes: Vec<u8>| {
            if let Ok(dict) = StateDict::from_bytes(bytes, "bent") {
                for key in dict.keys() {
                    let _ = (dict.f32(key), dict.i64(key));
                }
            }
        };
        for whole in [&fixture!("views")[..], fixture!("shared"), fixture!("hostile_expanded")] {
            for i in 0..whole.len() {
                for bend in [0, 0xff, whole[i] ^ 1, whole[i].wrapping_add(1), b'(', b'R', b'.'] {
                    let mut bent = whole.to_vec();
                    bent[i] = bend;
                    touch(bent);
                }
                touch(whole[..i].to_vec());
            }
        }
    }

    #[test]
    fn names_cannot_multiply() {
        // One dictionary under a long key, inside a list that names it a hundred thousand times.
        let mut bomb = b"\x80\x02}X\x00\x08\x00\x00".to_vec();
        bomb.extend([b'k'; 2048]);
        bomb.extend(b"]}q\x00a(");
        bomb.extend(b"h\x00".repeat(100_000));
        bomb.extend(b"es.");
        assert!(say(&archive(&[("a/data.pkl", &bomb)], false)).contains("endless length"));
    }

    #[test]
    fn a_pickle_alone_in_its_archive_may_lie_in_any_folder() {
        let say_of = |members: &[(&str, &[u8])]| say(&archive(members, true));
        assert!(say_of(&[("x/y/data.pkl", b"\x80\x02}.")]).contains("without any tensor"));
        assert!(say_of(&[("data.pkl", b"")]).contains("pickle is cut off"));
    }
}
