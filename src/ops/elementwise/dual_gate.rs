//! activation(a) * b + activation(b) * a over the two halves of the channels (PIP's feed-forward).

use crate::kernel::generated::elementwise_dual_gate::{NAME, Params};
use crate::kernel::{Dispatch, Key, Target};
use crate::ops::conv::depthwise::first_half;
use crate::ops::{Activation, Kernel, LINEAR_GROUP, Lower, TensorInfo, arity, groups};

#[derive(Debug, Clone, PartialEq)]
pub struct DualGate {
    pub activation: Activation,
}

impl Kernel for DualGate {
    fn infer(&self, inputs: &[&TensorInfo], _: &Target) -> Result<TensorInfo, String> {
        let [x] = arity(inputs)?;
        Ok(TensorInfo::activation(x.shape.with_channels(first_half(&x.shape.c)?)))
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let total = cx.out_shape().vec4s();
        let key = Key::new(NAME).define("DTYPE", cx.precision.name()).constant("ACTIVATION", self.activation as u32);
        let params = Params { total: total as u32, quads: cx.out_shape().c.quads() };
        let bindings = vec![cx.input(0).into(), cx.out().into()];
        vec![Dispatch::new(key, &params, bindings, groups(total, LINEAR_GROUP)).flops(40 * total)]
    }
}
