//! PixelShuffle(2): four channels become the four pixels of a 2 x 2 block, to which another tensor may be added.

use crate::base::Shape;
use crate::kernel::generated::resample_pixel_shuffle::{NAME, Params};
use crate::kernel::{Dispatch, Key, Target};
use crate::ops::{Kernel, LINEAR_GROUP, Lower, TensorInfo, arity, expect, groups};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct PixelShuffle {
    /// A second input of the output's shape is added.
    pub residual: bool,
}

impl Kernel for PixelShuffle {
    fn infer(&self, inputs: &[&TensorInfo], _: &Target) -> Result<TensorInfo, String> {
        let s = &if self.residual { arity::<2>(inputs)?[0] } else { arity::<1>(inputs)?[0] }.shape;
        let [c] = s.c.segments() else { return Err(format!("expected one channel segment, got {s}")) };
        expect(c % 4 == 0, || format!("{c} channels are no multiple of 4"))?;
        let shape = Shape::new(s.n, 2 * s.h, 2 * s.w, c / 4);
        if let Some(other) = inputs.get(1) {
            expect(other.shape == shape, || format!("residual has shape {}, expected {shape}", other.shape))?;
        }
        Ok(TensorInfo::activation(shape))
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let x = cx.shape(0);
        let key = Key::new(NAME)
            .define("DTYPE", cx.precision.name())
            .define("WIDE", cx.target.wide())
            .constant("RESIDUAL", self.residual.into());
        let params =
            Params { pixels: x.rows(), w: x.w, x_quads: x.c.quads(), y_quads: cx.out_shape().c.quads() };
        let total = u64::from(x.rows()) * u64::from(params.y_quads);
        let residual = self.residual.then(|| cx.input(1));
        let bindings = vec![cx.input(0).into(), residual.into(), cx.out().into()];
        vec![Dispatch::new(key, &params, bindings, groups(total, LINEAR_GROUP))]
    }
}
