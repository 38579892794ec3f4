//! Sum or product of two tensors; the second may hold one value per image and channel.

use crate::kernel::generated::elementwise_binary::{NAME, Params};
use crate::kernel::{Dispatch, Key, Target};
use crate::ops::{Kernel, LINEAR_GROUP, Lower, TensorInfo, arity, expect, groups};

#[derive(Debug, Clone, PartialEq)]
pub struct Binary {
    /// Product instead of sum.
    pub multiply: bool,
}

impl Binary {
    pub const ADD: Binary = Binary { multiply: false };
    pub const MULTIPLY: Binary = Binary { multiply: true };
}

impl Kernel for Binary {
    fn infer(&self, inputs: &[&TensorInfo], _: &Target) -> Result<TensorInfo, String> {
        let [a, b] = arity(inputs)?;
        let broadcast = b.shape.pixels() == 1 && a.shape.n == b.shape.n && a.shape.c == b.shape.c;
        expect(a.shape == b.shape || broadcast, || format!("{} does not broadcast to {}", b.shape, a.shape))?;
        Ok(TensorInfo::activation(a.shape.clone()))
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let shape = cx.shape(0);
        let total = shape.vec4s();
        let key = Key::new(NAME)
            .define("DTYPE", cx.precision.name()).define("WIDE", cx.target.wide())
            .constant("MULTIPLY", u32::from(self.multiply))
            .constant("BROADCAST", u32::from(shape != cx.shape(1)));
        let params =
            Params { total: total as u32, quads: shape.c.quads(), image: shape.pixels() * shape.c.quads() };
        let bindings = vec![cx.input(0).into(), cx.input(1).into(), cx.out().into()];
        vec![Dispatch::new(key, &params, bindings, groups(total, LINEAR_GROUP)).flops(4 * total)]
    }
}
