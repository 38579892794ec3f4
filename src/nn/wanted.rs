//! Which weights a network reads, found by building its graph without a checkpoint: how synthetic weights of a true
//! architecture come about, with no list of keys kept anywhere else.

use std::collections::BTreeMap;

use crate::base::{Error, Kind, Result};

/// The shape of a weight that a network looks up before it expects one (hidden widths, tables). It gets the key and the
/// length of the last vector asked for, which is the LayerNorm in front and so the channel count at that place.
pub type Free<'a> = dyn Fn(&str, u32) -> Option<Vec<u32>> + 'a;

/// The shapes asked for so far.
pub struct Wanted<'a> {
    free: &'a Free<'a>,
    last_vector: u32,
    shapes: BTreeMap<String, Vec<u32>>,
}

impl<'a> Wanted<'a> {
    pub(super) fn new(free: &'a Free<'a>) -> Self {
        Wanted { free, last_vector: 0, shapes: BTreeMap::new() }
    }

    /// A full shape replaces what `free` said of the same key: it often knows the first axis only.
    pub(super) fn expect(&mut self, key: &str, shape: &[u32]) {
        if let [length] = shape {
            self.last_vector = *length;
        }
        self.shapes.insert(key.to_owned(), shape.to_vec());
    }

    pub(super) fn read(&mut self, key: &str) -> Result<Vec<u32>> {
        if let Some(shape) = self.shapes.get(key) {
            return Ok(shape.clone());
        }
        let shape = (self.free)(key, self.last_vector).ok_or_else(|| {
            Error::new(Kind::Other, format!("no rule gives the shape of {key}"))
                .why("the network reads it from its checkpoint, and here there is none")
        })?;
        self.shapes.insert(key.to_owned(), shape.clone());
        Ok(shape)
    }

    pub(super) fn into_shapes(self) -> BTreeMap<String, Vec<u32>> {
        self.shapes
    }
}
