//! Sums over the pixels of each image times a factor; two of them in a row are a global average pool.

use crate::base::{Channels, Shape};
use crate::kernel::generated::reduce_mean::{NAME, Params};
use crate::kernel::{Dispatch, Key, Target};
use crate::ops::{Kernel, LINEAR_GROUP, Lower, Storage, TensorInfo, arity, expect};

#[derive(Debug, Clone, PartialEq)]
pub struct Mean {
    /// Results per image: chunk sums for a second pass, or 1.
    pub chunks: u32,
    pub factor: f32,
    /// Chunk sums stay f32 until the last pass.
    pub storage: Storage,
}

impl Kernel for Mean {
    fn infer(&self, inputs: &[&TensorInfo], _: &Target) -> Result<TensorInfo, String> {
        let [x] = arity(inputs)?;
        expect(self.chunks > 0, || "no chunks".into())?;
        let c: Channels = x.shape.c.clone();
        Ok(TensorInfo { shape: Shape { n: x.shape.n, h: 1, w: self.chunks, c }, storage: self.storage })
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let x = cx.shape(0);
        let key = Key::new(NAME)
            .define("IN", cx.inputs[0].1.storage.dtype(cx.precision).name())
            .define("DTYPE", self.storage.dtype(cx.precision).name())
            .define("WIDE", cx.target.wide());
        let params = Params {
            batch: x.n,
            pixels: x.pixels(),
            quads: x.c.quads(),
            chunks: self.chunks,
            factor: self.factor,
        };
        let bindings = vec![cx.input(0).into(), cx.out().into()];
        let sums = x.n * self.chunks;
        let count = match cx.target.wide() {
            1 => (sums * x.c.quads()).div_ceil(LINEAR_GROUP),
            _ => sums * x.c.quads().div_ceil(8),
        };
        vec![Dispatch::new(key, &params, bindings, count).flops(x.elements())]
    }
}
