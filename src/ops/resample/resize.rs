//! Bilinear (half-pixel centres, no antialias) or nearest resize.

use crate::base::Shape;
use crate::kernel::generated::resample_resize::{NAME, Params};
use crate::kernel::{Dispatch, Key, Target};
use crate::ops::{Kernel, LINEAR_GROUP, Lower, TensorInfo, arity, expect, groups};

#[derive(Debug, Clone, PartialEq)]
pub struct Resize {
    pub h: u32,
    pub w: u32,
    pub nearest: bool,
}

impl Kernel for Resize {
    fn infer(&self, inputs: &[&TensorInfo], _: &Target) -> Result<TensorInfo, String> {
        let [x] = arity(inputs)?;
        expect(self.h > 0 && self.w > 0, || "the target size is empty".into())?;
        Ok(TensorInfo::activation(Shape { h: self.h, w: self.w, ..x.shape.clone() }))
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let (x, y) = (cx.shape(0), cx.out_shape());
        let key = Key::new(NAME)
            .define("DTYPE", cx.precision.name())
            .constant("NEAREST", u32::from(self.nearest));
        let params =
            Params { batch: x.n, in_h: x.h, in_w: x.w, out_h: y.h, out_w: y.w, quads: x.c.quads() };
        let bindings = vec![cx.input(0).into(), cx.out().into()];
        vec![Dispatch::new(key, &params, bindings, groups(y.vec4s(), LINEAR_GROUP)).flops(12 * y.vec4s())]
    }
}
