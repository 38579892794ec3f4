//! The tag directories that TIFF files and EXIF blocks share: reading them, and writing them again.

use std::collections::BTreeMap;

pub const ORIENTATION: u16 = 0x0112;
pub const EXIF_POINTER: u16 = 0x8769;
pub const GPS_POINTER: u16 = 0x8825;
pub const MAKER_NOTE: u16 = 0x927c;
const INTEROP_POINTER: u16 = 0xa005;

/// Types by their number in the file, with the bytes of one value and of the unit that endianness swaps.
fn sizes(kind: u16) -> Option<(usize, usize)> {
    Some(match kind {
        1 | 2 | 6 | 7 => (1, 1),
        3 | 8 => (2, 2),
        4 | 9 | 11 | 13 => (4, 4),
        5 | 10 => (8, 4),
        12 => (8, 8),
        _ => return None,
    })
}

/// One tag's type and its values in little-endian order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    pub kind: u16,
    pub bytes: Vec<u8>,
}

impl Value {
    pub fn short(values: &[u16]) -> Self {
        Value { kind: 3, bytes: values.iter().flat_map(|v| v.to_le_bytes()).collect() }
    }

    pub fn long(values: &[u32]) -> Self {
        Value { kind: 4, bytes: values.iter().flat_map(|v| v.to_le_bytes()).collect() }
    }

    /// Bytes without further meaning.
    pub fn opaque(bytes: &[u8]) -> Self {
        Value { kind: 7, bytes: bytes.to_vec() }
    }

    fn first_long(&self) -> Option<usize> {
        self.bytes.get(..4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize)
    }
}

pub type Directory = BTreeMap<u16, Value>;

/// The bytes of a TIFF or EXIF block with its byte order, for reading and for changes in place.
pub struct Block<'a> {
    bytes: &'a [u8],
    big: bool,
}

/// A tag as it lies in a block: `at` is where its value begins.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    pub tag: u16,
    pub kind: u16,
    pub count: usize,
    pub at: usize,
}

impl<'a> Block<'a> {
    /// None unless the block starts as classic TIFF does.
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        let big = match bytes.get(..4)? {
            [b'I', b'I', 42, 0] => false,
            [b'M', b'M', 0, 42] => true,
            _ => return None,
        };
        Some(Block { bytes, big })
    }

    pub fn is_big_endian(&self) -> bool {
        self.big
    }

    pub fn u16(&self, at: usize) -> Option<u16> {
        let b = self.bytes.get(at..at.checked_add(2)?)?;
        Some(if self.big { u16::from_be_bytes([b[0], b[1]]) } else { u16::from_le_bytes([b[0], b[1]]) })
    }

    pub fn u32(&self, at: usize) -> Option<u32> {
        let b: [u8; 4] = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if self.big { u32::from_be_bytes(b) } else { u32::from_le_bytes(b) })
    }

    /// The first value of a tag of whole numbers.
    pub fn number(&self, entry: &Entry) -> Option<u32> {
        match entry.kind {
            3 => self.u16(entry.at).map(u32::from),
            4 => self.u32(entry.at),
            _ => None,
        }
    }

    /// Where the first directory lies.
    pub fn first(&self) -> Option<usize> {
        self.u32(4).map(|v| v as usize)
    }

    /// The tags of the directory at `offset` whose values lie inside the block, and where the offset of the next
    /// directory is stored.
    pub fn entries(&self, offset: usize) -> Option<(Vec<Entry>, usize)> {
        let count = usize::from(self.u16(offset)?);
        let mut entries = Vec::with_capacity(count.min(512));
        for i in 0..count {
            let base = offset + 2 + i * 12;
            let (Some(tag), Some(kind), Some(count)) = (self.u16(base), self.u16(base + 2), self.u32(base + 4)) else {
                break;
            };
            let Some(length) = sizes(kind).and_then(|(size, _)| size.checked_mul(count as usize)) else { continue };
            let at = if length <= 4 { base + 8 } else { self.u32(base + 8).map_or(usize::MAX, |v| v as usize) };
            if at.checked_add(length).is_some_and(|end| end <= self.bytes.len()) {
                entries.push(Entry { tag, kind, count: count as usize, at });
            }
        }
        Some((entries, offset + 2 + count * 12))
    }

    /// The value of a tag, brought to little-endian order.
    pub fn value(&self, entry: &Entry) -> Value {
        let (size, unit) = sizes(entry.kind).unwrap_or((1, 1));
        let mut bytes = self.bytes.get(entry.at..entry.at + size * entry.count).unwrap_or_default().to_vec();
        if self.big {
            bytes.chunks_exact_mut(unit).for_each(<[u8]>::reverse);
        }
        Value { kind: entry.kind, bytes }
    }

    fn directory(&self, offset: usize) -> Directory {
        let (entries, _) = self.entries(offset).unwrap_or_default();
        entries.iter().map(|e| (e.tag, self.value(e))).collect()
    }

    /// The main directory with its EXIF and GPS directories.
    pub fn tree(&self) -> Tree {
        let mut main = self.first().map(|at| self.directory(at)).unwrap_or_default();
        let mut child = |tag| main.remove(&tag).and_then(|v| v.first_long()).map(|at| self.directory(at));
        let (mut exif, gps) = (child(EXIF_POINTER).unwrap_or_default(), child(GPS_POINTER).unwrap_or_default());
        // A pointer into the old block means nothing in a new one.
        exif.remove(&INTEROP_POINTER);
        Tree { main, exif, gps }
    }
}

/// The directories of a picture, taken out of their block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    pub main: Directory,
    pub exif: Directory,
    pub gps: Directory,
}

impl Tree {
    /// A little-endian block: header, directories, values. `tail` bytes of pixel data will follow it; `place` is told
    /// where they begin and returns the tags that point at them, which must be as many and as long on every call.
    pub fn write(&self, place: impl Fn(u32) -> Directory) -> Vec<u8> {
        let mut main = self.main.clone();
        main.extend(place(0));
        let children: Vec<(u16, &Directory)> =
            [(EXIF_POINTER, &self.exif), (GPS_POINTER, &self.gps)].into_iter().filter(|(_, d)| !d.is_empty()).collect();
        for (tag, _) in &children {
            main.insert(*tag, Value::long(&[0]));
        }
        let mut offset = 8 + length(&main);
        for (tag, directory) in &children {
            main.insert(*tag, Value::long(&[offset as u32]));
            offset += length(directory);
        }
        main.extend(place(offset as u32));
        let mut out = b"II*\0\x08\0\0\0".to_vec();
        put(&mut out, &main);
        for (_, directory) in &children {
            put(&mut out, directory);
        }
        out
    }
}

/// Bytes a directory takes with its values, an even number.
fn length(directory: &Directory) -> usize {
    let outside = |v: &Value| if v.bytes.len() > 4 { v.bytes.len().next_multiple_of(2) } else { 0 };
    6 + directory.values().map(|v| 12 + outside(v)).sum::<usize>()
}

fn put(out: &mut Vec<u8>, directory: &Directory) {
    let mut values = Vec::new();
    let base = out.len() + 6 + directory.len() * 12;
    out.extend((directory.len() as u16).to_le_bytes());
    for (tag, value) in directory {
        let size = sizes(value.kind).map_or(1, |(size, _)| size);
        out.extend(tag.to_le_bytes());
        out.extend(value.kind.to_le_bytes());
        out.extend(((value.bytes.len() / size) as u32).to_le_bytes());
        if value.bytes.len() <= 4 {
            out.extend(value.bytes.iter().copied().chain([0; 4]).take(4));
        } else {
            out.extend(((base + values.len()) as u32).to_le_bytes());
            values.extend(&value.bytes);
            values.resize(values.len().next_multiple_of(2), 0);
        }
    }
    out.extend([0; 4]);
    out.extend(values);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let ascii = |s: &str| Value { kind: 2, bytes: s.bytes().chain([0]).collect() };
        let rational = Value { kind: 5, bytes: [1_u32, 250].iter().flat_map(|v| v.to_le_bytes()).collect() };
        Tree {
            main: [(0x010f, ascii("Maker")), (ORIENTATION, Value::short(&[6]))].into(),
            exif: [(0x829a, rational), (0xa002, Value::long(&[640]))].into(),
            gps: [(1, ascii("N"))].into(),
        }
    }

    #[test]
    fn a_tree_round_trips() {
        let block = tree().write(|_| Directory::new());
        assert_eq!(Block::new(&block).map(|b| b.tree()), Some(tree()));
    }

    #[test]
    fn place_learns_where_the_pixels_begin() {
        let block = tree().write(|at| [(0x0111, Value::long(&[at]))].into());
        let strip = Block::new(&block).unwrap().tree().main[&0x0111].first_long();
        assert_eq!(strip, Some(block.len()));
    }

    #[test]
    fn big_endian_values_are_turned() {
        let block = [b"MM\0*\0\0\0\x08\0\x01".as_slice(), &[1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0], &[0; 4]].concat();
        assert_eq!(Block::new(&block).unwrap().tree().main[&ORIENTATION], Value::short(&[6]));
    }

    #[test]
    fn damaged_blocks_do_not_panic() {
        let block = tree().write(|_| Directory::new());
        for end in 0..block.len() {
            let _ = Block::new(&block[..end]).map(|b| b.tree());
        }
        for at in 0..block.len() {
            let mut bent = block.clone();
            bent[at] ^= 0xff;
            let _ = Block::new(&bent).map(|b| b.tree());
        }
    }
}
