//! What one number of a stored tensor is, and how its bytes become numbers we compute with.

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

/// The number type of a stored tensor. Wider than [`crate::base::DType`]: files hold types the engine never computes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Element {
    F64,
    F32,
    F16,
    BF16,
    I64,
    I32,
    I16,
    I8,
    U64,
    U32,
    U16,
    U8,
    Bool,
}

impl Element {
    const ALL: [Element; 13] = [
        Element::F64,
        Element::F32,
        Element::F16,
        Element::BF16,
        Element::I64,
        Element::I32,
        Element::I16,
        Element::I8,
        Element::U64,
        Element::U32,
        Element::U16,
        Element::U8,
        Element::Bool,
    ];

    /// Bytes of one element.
    pub const fn size(self) -> usize {
        match self {
            Element::F64 | Element::I64 | Element::U64 => 8,
            Element::F32 | Element::I32 | Element::U32 => 4,
            Element::F16 | Element::BF16 | Element::I16 | Element::U16 => 2,
            Element::I8 | Element::U8 | Element::Bool => 1,
        }
    }

    /// The name in a safetensors header.
    pub const fn name(self) -> &'static str {
        match self {
            Element::F64 => "F64",
            Element::F32 => "F32",
            Element::F16 => "F16",
            Element::BF16 => "BF16",
            Element::I64 => "I64",
            Element::I32 => "I32",
            Element::I16 => "I16",
            Element::I8 => "I8",
            Element::U64 => "U64",
            Element::U32 => "U32",
            Element::U16 => "U16",
            Element::U8 => "U8",
            Element::Bool => "BOOL",
        }
    }

    pub fn from_name(name: &str) -> Option<Element> {
        Element::ALL.into_iter().find(|e| e.name() == name)
    }

    pub const fn is_float(self) -> bool {
        matches!(self, Element::F64 | Element::F32 | Element::F16 | Element::BF16)
    }

    /// Little-endian bytes to f32, appended to `out`. False when the type is not a float.
    pub(super) fn append_f32(self, bytes: &[u8], out: &mut Vec<f32>) -> bool {
        match self {
            Element::F32 => append_plain(bytes, out, f32::from_le_bytes),
            Element::F64 => out.extend(bytes.chunks_exact(8).map(|b| f64_from(b) as f32)),
            Element::BF16 => out.extend(bytes.chunks_exact(2).map(|b| bf16::from_le_bytes([b[0], b[1]]).to_f32())),
            Element::F16 => {
                // In blocks, because the slice conversion uses the F16C instructions and a single one asks the CPU
                // each time whether it has them.
                let mut halves = [f16::ZERO; 1024];
                for block in bytes.chunks(2048) {
                    let count = block.len() / 2;
                    for (h, b) in halves.iter_mut().zip(block.chunks_exact(2)) {
                        *h = f16::from_le_bytes([b[0], b[1]]);
                    }
                    let start = out.len();
                    out.resize(start + count, 0.0);
                    halves[..count].convert_to_f32_slice(&mut out[start..]);
                }
            }
            _ => return false,
        }
        true
    }

    /// Little-endian bytes to f64, appended to `out`. False when the type is not a float.
    pub(super) fn append_f64(self, bytes: &[u8], out: &mut Vec<f64>) -> bool {
        if self == Element::F64 {
            append_plain(bytes, out, f64::from_le_bytes);
            return true;
        }
        let mut narrow = Vec::with_capacity(bytes.len() / self.size());
        let float = self.append_f32(bytes, &mut narrow);
        out.extend(narrow.into_iter().map(f64::from));
        float
    }

    /// Little-endian bytes to i64, appended to `out`. False when the type is a float, or a value does not fit.
    pub(super) fn append_i64(self, bytes: &[u8], out: &mut Vec<i64>) -> bool {
        match self {
            Element::I64 => append_plain(bytes, out, i64::from_le_bytes),
            Element::I32 => out.extend(bytes.chunks_exact(4).map(|b| i64::from(u32_from(b) as i32))),
            Element::U32 => out.extend(bytes.chunks_exact(4).map(|b| i64::from(u32_from(b)))),
            Element::I16 => out.extend(bytes.chunks_exact(2).map(|b| i64::from(i16::from_le_bytes([b[0], b[1]])))),
            Element::U16 => out.extend(bytes.chunks_exact(2).map(|b| i64::from(u16::from_le_bytes([b[0], b[1]])))),
            Element::I8 => out.extend(bytes.iter().map(|b| i64::from(*b as i8))),
            Element::U8 | Element::Bool => out.extend(bytes.iter().map(|b| i64::from(*b))),
            Element::U64 => {
                for b in bytes.chunks_exact(8) {
                    match i64::try_from(f64_from(b).to_bits()) {
                        Ok(v) => out.push(v),
                        Err(_) => return false,
                    }
                }
            }
            _ => return false,
        }
        true
    }
}

fn f64_from(b: &[u8]) -> f64 {
    f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]])
}

fn u32_from(b: &[u8]) -> u32 {
    u32::from_le_bytes([b[0], b[1], b[2], b[3]])
}

/// The file's layout is the memory's layout on little-endian machines: one copy, whatever the alignment of the file.
fn append_plain<T: bytemuck::Pod, const N: usize>(bytes: &[u8], out: &mut Vec<T>, from: fn([u8; N]) -> T) {
    debug_assert_eq!(size_of::<T>(), N);
    let start = out.len();
    let count = bytes.len() / N;
    out.resize(start + count, T::zeroed());
    if cfg!(target_endian = "little") {
        bytemuck::cast_slice_mut::<T, u8>(&mut out[start..]).copy_from_slice(&bytes[..count * N]);
    } else {
        for (o, b) in out[start..].iter_mut().zip(bytes.chunks_exact(N)) {
            let mut word = [0; N];
            word.copy_from_slice(b);
            *o = from(word);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_unknown_ones_are_none() {
        for e in Element::ALL {
            assert_eq!(Element::from_name(e.name()), Some(e));
        }
        assert_eq!(Element::from_name("F8_E4M3"), None);
    }

    #[test]
    fn every_float_type_decodes() {
        let values = [1.5f32, -0.25, 1024.0];
        let pack = |f: &dyn Fn(f32) -> Vec<u8>| values.iter().flat_map(|v| f(*v)).collect::<Vec<u8>>();
        let files = [
            (Element::F32, pack(&|v| v.to_le_bytes().to_vec())),
            (Element::F64, pack(&|v| f64::from(v).to_le_bytes().to_vec())),
            (Element::F16, pack(&|v| f16::from_f32(v).to_le_bytes().to_vec())),
            (Element::BF16, pack(&|v| bf16::from_f32(v).to_le_bytes().to_vec())),
        ];
        for (element, bytes) in files {
            let (mut narrow, mut wide) = (Vec::new(), Vec::new());
            assert!(element.append_f32(&bytes, &mut narrow) && element.append_f64(&bytes, &mut wide));
            assert_eq!(narrow, values, "{element:?}");
            assert_eq!(wide, values.map(f64::from), "{element:?}");
            assert!(!element.append_i64(&bytes, &mut Vec::new()));
        }
    }

    #[test]
    fn half_blocks_join_without_a_seam() {
        let bytes: Vec<u8> = (0..3000u32).flat_map(|i| f16::from_f32((i % 2048) as f32).to_le_bytes()).collect();
        let mut out = Vec::new();
        assert!(Element::F16.append_f32(&bytes, &mut out));
        assert!(out.iter().enumerate().all(|(i, v)| *v == (i % 2048) as f32) && out.len() == 3000);
    }

    #[test]
    fn integers_keep_their_sign() {
        let mut out = Vec::new();
        assert!(Element::I32.append_i64(&(-7i32).to_le_bytes(), &mut out));
        assert!(Element::I8.append_i64(&[0xff], &mut out));
        assert!(Element::U8.append_i64(&[0xff], &mut out));
        assert!(Element::I16.append_i64(&(-2i16).to_le_bytes(), &mut out));
        assert!(Element::U64.append_i64(&5u64.to_le_bytes(), &mut out));
        assert_eq!(out, [-7, -1, 255, -2, 5]);
        assert!(!Element::U64.append_i64(&u64::MAX.to_le_bytes(), &mut out), "does not fit");
        assert!(!Element::I64.append_f32(&[0; 8], &mut Vec::new()));
    }
}
