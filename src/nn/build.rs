//! Builds a graph against a state dict: proves that every weight a layer needs is there and has its shape, and that
//! no weight is left over.

use std::collections::{BTreeMap, BTreeSet};

use super::wanted::{Free, Wanted};
use crate::base::{Error, Kind, Result, Shape};
use crate::checkpoint::StateDict;
use crate::checkpoint::names::nearest;
use crate::graph::Graph;
use crate::kernel::TensorId;
use crate::ops::Op;

/// A graph under construction.
pub struct Build<'a> {
    pub graph: Graph,
    dict: &'a StateDict,
    used: BTreeSet<String>,
    taps: BTreeSet<String>,
    /// Present while weights are asked for instead of read.
    wanted: Option<Wanted<'a>>,
}

impl<'a> Build<'a> {
    /// `taps` names modules whose results become outputs as well (for debugging and conformance cases).
    pub fn new(graph: Graph, dict: &'a StateDict, taps: &[String]) -> Self {
        Build { graph, dict, used: BTreeSet::new(), taps: taps.iter().cloned().collect(), wanted: None }
    }

    /// Builds without a checkpoint and writes down what the network would read; see [`super::wanted`]. `nothing` is an
    /// empty state dict.
    pub fn wanting(graph: Graph, nothing: &'a StateDict, free: &'a Free<'a>) -> Self {
        Build { wanted: Some(Wanted::new(free)), ..Build::new(graph, nothing, &[]) }
    }

    /// The weights that a builder made by [`Build::wanting`] was asked for.
    pub fn into_wanted(self) -> BTreeMap<String, Vec<u32>> {
        self.wanted.map(Wanted::into_shapes).unwrap_or_default()
    }

    pub fn dict(&self) -> &'a StateDict {
        self.dict
    }

    /// The shape of a tensor of the checkpoint, which counts as used from now on.
    pub fn weight_shape(&mut self, key: &str) -> Result<Vec<u32>> {
        if let Some(wanted) = &mut self.wanted {
            return wanted.read(key);
        }
        let found = self.dict.shape(key).ok_or_else(|| self.dict.missing(key))?;
        let shape = found.iter().map(|d| u32::try_from(*d).ok().filter(|d| *d > 0)).collect::<Option<_>>();
        let shape = shape.ok_or_else(|| self.misshapen(key, format!("an axis of {found:?} is empty or too long")))?;
        self.used.insert(key.to_owned());
        Ok(shape)
    }

    /// The first axis of a weight: the output channels of a layer whose width is the checkpoint's to say.
    pub fn weight_outputs(&mut self, key: &str) -> Result<u32> {
        let shape = self.weight_shape(key)?;
        shape.first().copied().ok_or_else(|| self.misshapen(key, "it is a single number".into()))
    }

    fn misshapen(&self, key: &str, why: String) -> Error {
        Error::new(Kind::Checkpoint, format!("the weight {key} of {} has the wrong shape", self.dict.name()))
            .why(why)
            .advice("the checkpoint does not belong to this architecture or configuration")
    }

    /// Proves that `key` has `shape` and marks it used. Trailing axes of length 1 may be left out.
    pub fn expect_weight(&mut self, key: &str, shape: &[u32]) -> Result<()> {
        if let Some(wanted) = &mut self.wanted {
            wanted.expect(key, shape);
            return Ok(());
        }
        let found = self.weight_shape(key)?;
        let trim = |s: &[u32]| {
            let end = s.iter().rposition(|d| *d != 1).map_or(0, |i| i + 1);
            s[..end].to_vec()
        };
        if trim(&found) != trim(shape) {
            return Err(self.misshapen(key, format!("expected {shape:?}, got {found:?}")));
        }
        Ok(())
    }

    /// The value of a weight of one element; 0 while weights are asked for instead of read.
    pub fn scalar(&mut self, key: &str) -> Result<f32> {
        self.expect_weight(key, &[1])?;
        let values = if self.wanted.is_some() { Vec::new() } else { self.dict.f32(key)? };
        Ok(values.first().copied().unwrap_or_default())
    }

    pub fn has(&self, key: &str) -> bool {
        self.dict.contains(key)
    }

    /// Marks keys that official checkpoints hold but that have no influence on the output.
    pub fn ignore(&mut self, dead: impl Fn(&str) -> bool) {
        let keys: Vec<String> = self.dict.keys().filter(|k| dead(k)).map(str::to_owned).collect();
        self.used.extend(keys);
    }

    /// [`Build::ignore`] for one key.
    pub fn ignore_one(&mut self, key: &str) {
        self.used.insert(key.to_owned());
    }

    /// Adds a node and, if its module is tapped, an output.
    pub fn add(
        &mut self,
        path: &str,
        op: impl Into<Op>,
        inputs: &[TensorId],
        params: &[crate::kernel::ParamId],
    ) -> Result<TensorId> {
        let t = self.graph.add(path, op, inputs, params)?;
        self.tap(path, t);
        Ok(t)
    }

    /// Declares `t` the result of module `path`.
    pub fn tap(&mut self, path: &str, t: TensorId) {
        if self.tapped(path) {
            self.graph.outputs.retain(|(name, _)| name != path);
            self.graph.output(path, t);
        }
    }

    pub fn tapped(&self, path: &str) -> bool {
        self.taps.contains(path)
    }

    pub fn shape(&self, t: TensorId) -> Shape {
        self.graph.shape(t).clone()
    }

    /// The keys used so far.
    pub fn into_parts(self) -> (Graph, BTreeSet<String>) {
        (self.graph, self.used)
    }
}

/// Refuses a checkpoint that holds weights no part of the network reads.
pub fn refuse_unread(dict: &StateDict, used: &BTreeSet<String>) -> Result<()> {
    let unread: Vec<&str> = dict.keys().filter(|k| !used.contains(*k)).collect();
    let Some(first) = unread.first() else { return Ok(()) };
    let listed = unread.iter().take(8).copied().collect::<Vec<_>>().join(", ");
    let more = unread.len().saturating_sub(8);
    let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
    let similar = nearest(first, used.iter().map(String::as_str));
    let hint = if similar.is_empty() { String::new() } else { format!("; {first} resembles {}", similar.join(", ")) };
    Err(Error::new(Kind::Checkpoint, format!("{} holds weights that its architecture does not read", dict.name()))
        .why(format!("{listed}{tail}{hint}"))
        .advice("the checkpoint belongs to another architecture or edition"))
}
