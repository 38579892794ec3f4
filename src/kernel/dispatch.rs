//! One dispatch of a kernel over tensors of a graph.

use super::{Interface, Key};

/// A tensor of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TensorId(pub u32);

/// A packed weight of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParamId(pub u32);

/// What a storage binding points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    Tensor(TensorId),
    Param(ParamId),
    /// The variant never touches this binding.
    Unused,
}

impl From<TensorId> for Binding {
    fn from(t: TensorId) -> Self {
        Binding::Tensor(t)
    }
}

impl From<ParamId> for Binding {
    fn from(p: ParamId) -> Self {
        Binding::Param(p)
    }
}

impl<T: Into<Binding>> From<Option<T>> for Binding {
    fn from(o: Option<T>) -> Self {
        o.map_or(Binding::Unused, Into::into)
    }
}

/// A kernel, its operands and its size.
#[derive(Debug, Clone)]
pub struct Dispatch {
    pub key: Key,
    pub bindings: Vec<Binding>,
    pub params: Vec<u8>,
    /// Workgroups along one axis, any number: the executor folds what exceeds an axis.
    pub groups: u32,
    /// Floating-point operations, for bounded submits and the profile.
    pub flops: u64,
}

impl Dispatch {
    pub fn new<P: Interface>(key: Key, params: &P, bindings: Vec<Binding>, groups: u32) -> Self {
        debug_assert_eq!(key.shader, P::NAME);
        debug_assert_eq!(bindings.len(), P::BINDINGS.len(), "{}", P::NAME);
        Dispatch { key, bindings, params: bytemuck::bytes_of(params).to_vec(), groups, flops: 0 }
    }

    #[must_use]
    pub fn flops(mut self, flops: u64) -> Self {
        self.flops = flops;
        self
    }
}
