//! One named tensor of a [`super::StateDict`]: its type, its shape, and where its bytes come from.

use std::borrow::Cow;
use std::sync::Arc;

use memmap2::Mmap;

use super::element::Element;
use super::generate::{advance, fill_uniform};

/// Bytes that outlive every view of them.
#[derive(Debug)]
pub enum Backing {
    /// A file, read by the operating system page by page when a tensor is decoded.
    Map(Mmap),
    Static(&'static [u8]),
    Owned(Vec<u8>),
}

impl Backing {
    pub fn bytes(&self) -> &[u8] {
        match self {
            Backing::Map(map) => map,
            Backing::Static(bytes) => bytes,
            Backing::Owned(bytes) => bytes,
        }
    }
}

#[derive(Debug, Clone)]
pub enum Source {
    /// Row-major bytes from `at` on.
    Dense { backing: Arc<Backing>, at: usize },
    /// Element `[i, j, ...]` lies at byte `at + (i * strides[0] + j * strides[1] + ...) * size`.
    Strided { backing: Arc<Backing>, at: usize, strides: Vec<usize> },
    /// f32 values from the rule of [`super::generate`].
    Uniform { state: u64, lo: f64, hi: f64 },
    /// `base + factor * b a`, computed when it is asked for: `a` has rows as long as the base's, `b` a row for each of them.
    Product { base: Box<Entry>, a: Box<Entry>, b: Box<Entry>, factor: f32 },
}

/// Whoever makes an entry has proven that its element count fits a usize and that its bytes lie inside the backing.
#[derive(Debug, Clone)]
pub struct Entry {
    pub element: Element,
    pub shape: Vec<usize>,
    pub source: Source,
}

/// The number of elements, or None when it does not fit a usize.
pub fn element_count(shape: &[usize]) -> Option<usize> {
    // A zero anywhere makes the tensor empty, however large the other dimensions are.
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d))
}

impl Entry {
    pub fn elements(&self) -> usize {
        element_count(&self.shape).unwrap_or(0)
    }

    pub fn bytes(&self) -> u64 {
        self.elements() as u64 * self.element.size() as u64
    }

    /// Row-major little-endian bytes of `count` elements from `first` on; None for values made by a rule.
    pub fn dense(&self, first: usize, count: usize) -> Option<Cow<'_, [u8]>> {
        let size = self.element.size();
        match &self.source {
            Source::Dense { backing, at } => {
                let start = at + first * size;
                Some(Cow::Borrowed(backing.bytes().get(start..start + count * size).unwrap_or(&[])))
            }
            Source::Strided { backing, at, strides } => {
                let bytes = backing.bytes().get(*at..).unwrap_or(&[]);
                Some(Cow::Owned(gather(bytes, size, &self.shape, strides, first, count)))
            }
            Source::Uniform { .. } | Source::Product { .. } => None,
        }
    }

    /// Rows `first..first + count` of the first axis, as a tensor of their own; nothing is copied.
    pub fn rows(&self, first: usize, count: usize) -> Option<Entry> {
        let (rows, rest) = self.shape.split_first()?;
        if first.checked_add(count)? > *rows {
            return None;
        }
        let skipped = first * element_count(rest)?;
        let size = self.element.size();
        let source = match &self.source {
            Source::Dense { backing, at } => Source::Dense { backing: Arc::clone(backing), at: at + skipped * size },
            Source::Strided { backing, at, strides } => Source::Strided {
                backing: Arc::clone(backing),
                at: at + first * strides.first()? * size,
                strides: strides.clone(),
            },
            Source::Uniform { state, lo, hi } => {
                Source::Uniform { state: advance(*state, skipped as u64), lo: *lo, hi: *hi }
            }
            Source::Product { base, a, b, factor } => Source::Product {
                base: Box::new(base.rows(first, count)?),
                a: a.clone(),
                b: Box::new(b.rows(first, count)?),
                factor: *factor,
            },
        };
        let shape = std::iter::once(count).chain(rest.iter().copied()).collect();
        Some(Entry { element: self.element, shape, source })
    }

    /// `count` values from `first` on, appended to `out`; false when the tensor holds no floats.
    pub fn append_f32(&self, first: usize, count: usize, out: &mut Vec<f32>) -> bool {
        let start = out.len();
        match &self.source {
            Source::Uniform { state, lo, hi } => {
                out.resize(start + count, 0.0);
                fill_uniform(*state, first as u64, *lo, *hi, &mut out[start..]);
                true
            }
            Source::Product { base, a, b, factor } => {
                base.append_f32(first, count, out) && add_product(a, b, *factor, first, &mut out[start..])
            }
            Source::Dense { .. } | Source::Strided { .. } => {
                self.dense(first, count).is_some_and(|bytes| self.element.append_f32(&bytes, out))
            }
        }
    }
}

/// Adds `factor * b a`, from flat index `first` on, to `out`; false when a factor holds no floats.
fn add_product(a: &Entry, b: &Entry, factor: f32, first: usize, out: &mut [f32]) -> bool {
    let rank = a.shape.first().copied().unwrap_or(0);
    let width = a.elements() / rank.max(1);
    if width == 0 || out.is_empty() {
        return true;
    }
    let (from, to) = (first / width, (first + out.len()).div_ceil(width));
    let (mut inner, mut outer) = (Vec::new(), Vec::new());
    if !a.append_f32(0, a.elements(), &mut inner) || !b.append_f32(from * rank, (to - from) * rank, &mut outer) {
        return false;
    }
    for (i, value) in out.iter_mut().enumerate() {
        let (row, column) = ((first + i) / width - from, (first + i) % width);
        let terms = (0..rank).map(|r| f64::from(outer[row * rank + r]) * f64::from(inner[r * width + column]));
        *value += factor * terms.sum::<f64>() as f32;
    }
    true
}

/// Walks the index space like an odometer, so that a transposed or sliced tensor comes out row-major.
fn gather(bytes: &[u8], size: usize, shape: &[usize], strides: &[usize], first: usize, count: usize) -> Vec<u8> {
    let mut index = vec![0; shape.len()];
    let (mut rest, mut offset) = (first, 0usize);
    for d in (0..shape.len()).rev() {
        index[d] = rest % shape[d].max(1);
        rest /= shape[d].max(1);
        offset += index[d] * strides[d];
    }
    let mut out = Vec::with_capacity(count * size);
    for _ in 0..count {
        out.extend_from_slice(bytes.get(offset * size..(offset + 1) * size).unwrap_or(&[0; 8][..size]));
        for d in (0..shape.len()).rev() {
            index[d] += 1;
            offset += strides[d];
            if index[d] < shape[d] {
                break;
            }
            offset -= strides[d] * shape[d];
            index[d] = 0;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strided(shape: &[usize], strides: &[usize], at: usize) -> Entry {
        let bytes: Vec<u8> = (0..24u8).collect();
        let source = Source::Strided { backing: Arc::new(Backing::Owned(bytes)), at, strides: strides.to_vec() };
        Entry { element: Element::U8, shape: shape.to_vec(), source }
    }

    #[test]
    fn a_transposed_tensor_comes_out_row_major() {
        let t = strided(&[3, 2], &[1, 3], 0);
        assert_eq!(t.dense(0, 6).unwrap().as_ref(), [0, 3, 1, 4, 2, 5]);
        assert_eq!(t.dense(2, 3).unwrap().as_ref(), [1, 4, 2], "a range starts inside");
    }

    #[test]
    fn a_slice_and_an_expanded_dimension() {
        assert_eq!(strided(&[2, 2], &[6, 2], 1).dense(0, 4).unwrap().as_ref(), [1, 3, 7, 9]);
        assert_eq!(strided(&[3], &[0], 5).dense(0, 3).unwrap().as_ref(), [5, 5, 5]);
        assert_eq!(strided(&[], &[], 5).dense(0, 1).unwrap().as_ref(), [5], "a scalar");
    }

    #[test]
    fn rows_are_views() {
        let rows = |t: &Entry| {
            let mut out = Vec::new();
            t.append_f32(0, t.elements(), &mut out);
            out
        };
        let uniform =
            Entry { element: Element::F32, shape: vec![5, 3], source: Source::Uniform { state: 9, lo: -1.0, hi: 1.0 } };
        assert_eq!(rows(&uniform.rows(2, 2).unwrap()), rows(&uniform)[6..12]);
        assert_eq!(strided(&[3, 2], &[1, 3], 0).rows(1, 2).unwrap().dense(0, 4).unwrap().as_ref(), [1, 4, 2, 5]);
        assert!(uniform.rows(4, 2).is_none());
    }

    #[test]
    fn a_product_is_added_where_it_is_asked_for() {
        let f32s = |shape: &[usize], values: &[f32]| Entry {
            element: Element::F32,
            shape: shape.to_vec(),
            source: Source::Dense {
                backing: Arc::new(Backing::Owned(values.iter().flat_map(|v| v.to_le_bytes()).collect())),
                at: 0,
            },
        };
        let base = Box::new(f32s(&[3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
        let (a, b) = (Box::new(f32s(&[1, 2], &[10.0, 100.0])), Box::new(f32s(&[3, 1], &[1.0, 2.0, -1.0])));
        let shape = vec![3, 2];
        let sum = Entry { element: Element::F32, shape, source: Source::Product { base, a, b, factor: 0.5 } };
        let values = |entry: &Entry, first: usize, count: usize| {
            let mut out = Vec::new();
            assert!(entry.append_f32(first, count, &mut out));
            out
        };
        assert_eq!(values(&sum, 0, 6), [6.0, 52.0, 13.0, 104.0, 0.0, -44.0]);
        assert_eq!(values(&sum, 1, 3), [52.0, 13.0, 104.0], "a range starts inside a row");
        assert_eq!(values(&sum.rows(1, 2).unwrap(), 1, 2), [104.0, 0.0]);
    }

    #[test]
    fn counts_know_overflow_and_emptiness() {
        assert_eq!(element_count(&[usize::MAX, 2]), None);
        assert_eq!(element_count(&[usize::MAX, 2, 0]), Some(0));
        assert_eq!(element_count(&[]), Some(1));
    }
}
