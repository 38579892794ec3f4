//! Moments of every channel over chunks of pixels, the first step of a GroupNorm.

use crate::base::Shape;
use crate::kernel::generated::norm_group_moments::{NAME, Params};
use crate::kernel::{Dispatch, Key, Target};
use crate::ops::{Kernel, Lower, TensorInfo, arity, expect};

/// Output `[n, chunks, 2, C]` in f32: means, sums of squared deviations from them.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupMoments {
    pub chunks: u32,
}

impl GroupMoments {
    /// Chunks that keep the device busy without making the second step long.
    pub fn for_pixels(pixels: u32) -> Self {
        GroupMoments { chunks: (pixels / 512).clamp(1, 32) }
    }
}

impl Kernel for GroupMoments {
    fn infer(&self, inputs: &[&TensorInfo], _: &Target) -> Result<TensorInfo, String> {
        let [x] = arity(inputs)?;
        expect(self.chunks > 0, || "no chunks".into())?;
        Ok(TensorInfo::f32(Shape { n: x.shape.n, h: self.chunks, w: 2, c: x.shape.c.clone() }))
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let x = cx.shape(0);
        let key = Key::new(NAME).define("DTYPE", cx.precision.name());
        let quads = x.c.quads();
        let blocks = quads.div_ceil(8);
        let params = Params { batch: x.n, pixels: x.pixels(), quads, blocks, chunks: self.chunks };
        let bindings = vec![cx.input(0).into(), cx.out().into()];
        vec![Dispatch::new(key, &params, bindings, x.n * self.chunks * blocks).flops(4 * x.elements())]
    }
}
