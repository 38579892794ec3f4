//! Sums over the pixels of each image times a factor; two of them in a row are a global average pool.

use crate::base::{Channels, DType, Shape};
use crate::kernel::generated::reduce_mean::{NAME, Params};
use crate::kernel::{Dispatch, Key, Target};
use crate::ops::{Kernel, Lower, Storage, TensorInfo, arity, expect};

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
        let (from, to) = (cx.inputs[0].1.storage.dtype(cx.precision), self.storage.dtype(cx.precision));
        let wide = cx.target.wide() == 1;
        let paired = wide && (from, to) == (DType::F32, DType::F32) && x.c.quads().is_multiple_of(2);
        let key = Key::new(NAME)
            .define("IN", from.name())
            .define("DTYPE", to.name())
            .define("WIDE", u8::from(wide))
            .define("PAIRED", u8::from(paired));
        let quads = if paired { x.c.quads() / 2 } else { x.c.quads() };
        let params =
            Params { batch: x.n, pixels: x.pixels(), quads, chunks: self.chunks, factor: self.factor };
        let bindings = vec![cx.input(0).into(), cx.out().into()];
        let sums = x.n * self.chunks;
        let count = if wide { (sums * quads).div_ceil(8) } else { sums * quads.div_ceil(8) };
        vec![Dispatch::new(key, &params, bindings, count).flops(x.elements())]
    }
}
