//! A window of the input with zeros outside it: zero padding and cropping.

use crate::base::Shape;
use crate::kernel::generated::resample_window::{NAME, Params};
use crate::kernel::{Dispatch, Key, Target};
use crate::ops::{Kernel, LINEAR_GROUP, Lower, Storage, TensorInfo, arity, expect, groups};

#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    pub h: u32,
    pub w: u32,
    /// Where output (0, 0) lies in the input; negative values pad.
    pub top: i32,
    pub left: i32,
    /// Store f32 whatever the precision.
    pub f32_out: bool,
}

impl Window {
    /// The top-left `h` x `w` window: pads right and bottom, or crops.
    pub fn to(h: u32, w: u32) -> Self {
        Window { h, w, top: 0, left: 0, f32_out: false }
    }
}

impl Kernel for Window {
    fn infer(&self, inputs: &[&TensorInfo], _: &Target) -> Result<TensorInfo, String> {
        let [x] = arity(inputs)?;
        expect(self.h > 0 && self.w > 0, || "the window is empty".into())?;
        let shape = Shape { h: self.h, w: self.w, ..x.shape.clone() };
        Ok(TensorInfo { shape, storage: if self.f32_out { Storage::F32 } else { Storage::Activation } })
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let (x, y) = (cx.shape(0), cx.out_shape());
        let key = Key::new(NAME)
            .define("DTYPE", cx.precision.name())
            .define("OUT", if self.f32_out { "f32" } else { "same" });
        let params = Params {
            batch: x.n,
            in_h: x.h,
            in_w: x.w,
            out_h: y.h,
            out_w: y.w,
            quads: x.c.quads(),
            top: self.top,
            left: self.left,
        };
        let bindings = vec![cx.input(0).into(), cx.out().into()];
        vec![Dispatch::new(key, &params, bindings, groups(y.vec4s(), LINEAR_GROUP))]
    }
}
