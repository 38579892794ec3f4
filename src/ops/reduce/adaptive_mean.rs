//! Adaptive average pool to a fixed size.

use crate::base::Shape;
use crate::kernel::generated::reduce_adaptive_mean::{NAME, Params};
use crate::kernel::{Dispatch, Key, Target};
use crate::ops::{Kernel, Lower, TensorInfo, arity, expect};

#[derive(Debug, Clone, PartialEq)]
pub struct AdaptiveMean {
    pub h: u32,
    pub w: u32,
}

impl Kernel for AdaptiveMean {
    fn infer(&self, inputs: &[&TensorInfo], _: &Target) -> Result<TensorInfo, String> {
        let [x] = arity(inputs)?;
        expect(self.h > 0 && self.w > 0, || "the target size is empty".into())?;
        Ok(TensorInfo::activation(Shape { h: self.h, w: self.w, ..x.shape.clone() }))
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let x = cx.shape(0);
        let key = Key::new(NAME).define("DTYPE", cx.precision.name());
        let params =
            Params { batch: x.n, in_h: x.h, in_w: x.w, out_h: self.h, out_w: self.w, quads: x.c.quads() };
        let bindings = vec![cx.input(0).into(), cx.out().into()];
        let y = cx.out_shape();
        let count = y.rows() * y.c.quads().div_ceil(8);
        vec![Dispatch::new(key, &params, bindings, count).flops(x.elements())]
    }
}
