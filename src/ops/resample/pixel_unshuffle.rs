//! PixelUnshuffle(2): the four pixels of a 2 x 2 block become four channels.

use crate::base::Shape;
use crate::kernel::generated::resample_pixel_unshuffle::{NAME, Params};
use crate::kernel::{Dispatch, Key, Target};
use crate::ops::{Kernel, LINEAR_GROUP, Lower, TensorInfo, arity, expect, groups};

#[derive(Debug, Clone, PartialEq)]
pub struct PixelUnshuffle;

impl Kernel for PixelUnshuffle {
    fn infer(&self, inputs: &[&TensorInfo], _: &Target) -> Result<TensorInfo, String> {
        let [x] = arity(inputs)?;
        let s = &x.shape;
        let [c] = s.c.segments() else { return Err(format!("expected one channel segment, got {s}")) };
        expect(s.h % 2 == 0 && s.w % 2 == 0, || format!("{}x{} pixels are not even", s.h, s.w))?;
        Ok(TensorInfo::activation(Shape::new(s.n, s.h / 2, s.w / 2, 4 * c)))
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let (x, y) = (cx.shape(0), cx.out_shape());
        let key = Key::new(NAME).define("DTYPE", cx.precision.name());
        let params = Params { pixels: y.rows(), w: y.w, x_quads: x.c.quads(), y_quads: y.c.quads() };
        let total = u64::from(y.rows()) * u64::from(params.x_quads);
        let bindings = vec![cx.input(0).into(), cx.out().into()];
        vec![Dispatch::new(key, &params, bindings, groups(total, LINEAR_GROUP))]
    }
}
