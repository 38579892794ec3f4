//! PixelShuffle(r) and its inverse for any r: x3 upsampling, and pictures cut into p x p patches (one token each).

use crate::base::Shape;
use crate::kernel::generated::resample_pixel_regroup::{NAME, Params};
use crate::kernel::{Dispatch, Key, Target};
use crate::ops::{Kernel, LINEAR_GROUP, Lower, TensorInfo, arity, expect, groups};

#[derive(Debug, Clone, PartialEq)]
pub struct PixelRegroup {
    pub factor: u32,
    /// Channels become pixels (PixelShuffle, fold); else pixels become channels (PixelUnshuffle, unfold).
    pub fine: bool,
}

impl Kernel for PixelRegroup {
    fn infer(&self, inputs: &[&TensorInfo], _: &Target) -> Result<TensorInfo, String> {
        let [x] = arity(inputs)?;
        let (s, r) = (&x.shape, self.factor);
        let [c] = *s.c.segments() else { return Err(format!("expected one channel segment, got {s}")) };
        expect((1..=64).contains(&r), || format!("a factor of {r} is out of range"))?;
        let shape = if self.fine {
            expect(c % (r * r) == 0, || format!("{c} channels are no multiple of {}", r * r))?;
            Shape::new(s.n, r * s.h, r * s.w, c / (r * r))
        } else {
            expect(s.h % r == 0 && s.w % r == 0, || format!("{}x{} pixels are no multiple of {r}", s.h, s.w))?;
            Shape::new(s.n, s.h / r, s.w / r, r * r * c)
        };
        Ok(TensorInfo::activation(shape))
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let (x, y) = (cx.shape(0), cx.out_shape());
        let key = Key::new(NAME).define("DTYPE", cx.precision.name()).constant("FINE", u32::from(self.fine));
        let params = Params {
            batch: y.n,
            h: y.h,
            w: y.w,
            channels: y.c.logical(),
            x_quads: x.c.quads(),
            y_quads: y.c.quads(),
            factor: self.factor,
        };
        let bindings = vec![cx.input(0).into(), cx.out().into()];
        vec![Dispatch::new(key, &params, bindings, groups(y.vec4s(), LINEAR_GROUP))]
    }
}
