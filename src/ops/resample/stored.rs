//! A picture that is part of the checkpoint (PIP's prompts), as a tensor.

use crate::base::Shape;
use crate::kernel::generated::resample_stored::{NAME, Params};
use crate::kernel::{Dispatch, Key, Target};
use crate::ops::{Kernel, LINEAR_GROUP, Lower, TensorInfo, arity, groups};

/// Input: any tensor of the batch, only its number of images counts. Parameter: the picture, `[h * w, channels]` in the
/// plan's precision.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    pub h: u32,
    pub w: u32,
    pub channels: u32,
}

impl Kernel for Stored {
    fn infer(&self, inputs: &[&TensorInfo], _: &Target) -> Result<TensorInfo, String> {
        let [like] = arity(inputs)?;
        Ok(TensorInfo::activation(Shape::new(like.shape.n, self.h, self.w, self.channels)))
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let y = cx.out_shape();
        let key = Key::new(NAME).define("DTYPE", cx.precision.name());
        let params = Params { total: y.vec4s() as u32, image: y.pixels() * y.c.quads() };
        let bindings = vec![cx.params[0].into(), cx.out().into()];
        vec![Dispatch::new(key, &params, bindings, groups(y.vec4s(), LINEAR_GROUP))]
    }
}
