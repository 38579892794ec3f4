//! activation(first half of the channels) * second half.

use crate::kernel::generated::elementwise_gate::{NAME, Params};
use crate::kernel::{Dispatch, Key, Target};
use crate::ops::conv::depthwise::first_half;
use crate::ops::{Activation, Kernel, LINEAR_GROUP, Lower, TensorInfo, arity, groups};

#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// `None` is SimpleGate; GELU is GDFN's gate.
    pub activation: Activation,
    /// Activate the second half instead of the first (GEGLU).
    pub swap: bool,
}

impl Kernel for Gate {
    fn infer(&self, inputs: &[&TensorInfo], _: &Target) -> Result<TensorInfo, String> {
        let [x] = arity(inputs)?;
        Ok(TensorInfo::activation(x.shape.with_channels(first_half(&x.shape.c)?)))
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let total = cx.out_shape().vec4s();
        let key = Key::new(NAME)
            .define("DTYPE", cx.precision.name()).define("WIDE", cx.target.wide())
            .constant("ACTIVATION", self.activation as u32)
            .constant("SWAP", u32::from(self.swap));
        let params = Params { total: total as u32, quads: cx.out_shape().c.quads() };
        let bindings = vec![cx.input(0).into(), cx.out().into()];
        vec![Dispatch::new(key, &params, bindings, groups(total, LINEAR_GROUP)).flops(20 * total)]
    }
}
