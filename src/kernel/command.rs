//! A lowered graph: a flat list of dispatches over pooled buffers, ready to be replayed.

use super::{Dispatch, TensorId};

/// A pooled buffer that tensors with disjoint lifetimes share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    pub bytes: u64,
}

/// A dispatch with the label under which it is timed and reported.
#[derive(Debug, Clone)]
pub struct Step {
    pub dispatch: Dispatch,
    /// `stem` of the op, such as `norm/layer_norm`.
    pub op: &'static str,
    /// Node path, such as `encoder_level1.0.attn.qkv`.
    pub path: String,
}

/// Everything an executor needs besides the weights.
#[derive(Debug, Clone)]
pub struct Commands {
    pub steps: Vec<Step>,
    pub slots: Vec<Slot>,
    /// The slot of each tensor, by tensor index; `None` for tensors that are never materialised.
    pub slot_of: Vec<Option<usize>>,
    /// Bytes of each tensor, by tensor index.
    pub bytes_of: Vec<u64>,
    pub inputs: Vec<TensorId>,
    pub outputs: Vec<TensorId>,
}

impl Commands {
    /// Bytes of all pooled buffers: the activation memory of a plan.
    pub fn slot_bytes(&self) -> u64 {
        self.slots.iter().map(|s| s.bytes).sum()
    }

    pub fn flops(&self) -> u64 {
        self.steps.iter().map(|s| s.dispatch.flops).sum()
    }
}
