//! Sliding mean along one axis, replicate-padded to the input's size: half of TLC's local average pool.

use crate::kernel::generated::reduce_box_mean::{NAME, Params};
use crate::kernel::{Dispatch, Key, Target};
use crate::ops::{Kernel, LINEAR_GROUP, Lower, Storage, TensorInfo, arity, expect, groups};

#[derive(Debug, Clone, PartialEq)]
pub struct BoxMean {
    pub size: u32,
    /// Along y instead of x.
    pub vertical: bool,
    pub storage: Storage,
}

impl Kernel for BoxMean {
    fn infer(&self, inputs: &[&TensorInfo], _: &Target) -> Result<TensorInfo, String> {
        let [x] = arity(inputs)?;
        let length = if self.vertical { x.shape.h } else { x.shape.w };
        expect((1..=length).contains(&self.size), || format!("a box of {} does not fit {length} pixels", self.size))?;
        Ok(TensorInfo { shape: x.shape.clone(), storage: self.storage })
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let x = cx.shape(0);
        let quads = x.c.quads();
        let key = Key::new(NAME)
            .define("IN", cx.inputs[0].1.storage.dtype(cx.precision).name())
            .define("DTYPE", self.storage.dtype(cx.precision).name());
        let params = if self.vertical {
            Params {
                lines: x.n * x.w,
                quads,
                length: x.h,
                size: self.size,
                line_step: quads,
                block: x.w,
                block_step: x.pixels() * quads,
                pixel_step: x.w * quads,
            }
        } else {
            Params {
                lines: x.n * x.h,
                quads,
                length: x.w,
                size: self.size,
                line_step: x.w * quads,
                block: x.h,
                block_step: x.pixels() * quads,
                pixel_step: quads,
            }
        };
        let bindings = vec![cx.input(0).into(), cx.out().into()];
        let total = u64::from(params.lines) * u64::from(quads);
        vec![Dispatch::new(key, &params, bindings, groups(total, LINEAR_GROUP)).flops(3 * x.elements())]
    }
}
