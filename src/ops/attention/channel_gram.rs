//! First step of transposed (channel) attention: Gram matrices and norms of q and k over chunks of pixels.

use crate::base::Shape;
use crate::kernel::generated::{attention_channel_gram as tiled, attention_channel_gram_subgroup as subgroup};
use crate::kernel::{Contraction, Dispatch, Key, Target};
use crate::ops::{Kernel, Lower, TensorInfo, arity, expect};

/// Inputs: the tensors that hold q and k (may be one). Their channels are segments of one head each.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelGram {
    pub heads: u32,
    /// First segment of q and of k.
    pub q: usize,
    pub k: usize,
}

/// vec4s of one (image, chunk, head); see shaders/attention/channel_io.wgsl.
fn gram_size(cq: u32) -> u32 {
    4 * cq * cq + 2 * cq
}

impl ChannelGram {
    /// Chunks of pixels: enough workgroups to fill the device, but not less than 64 pixels a chunk. A GPU has many, so
    /// that the tiles of a chunk count too: wide heads have hundreds, and every chunk is another matrix to sum.
    fn chunks(&self, pixels: u32, cq: u32, target: &Target) -> u32 {
        let tiles = if target.lanes().is_some() { 1 } else { cq.div_ceil(SIDE).pow(2) };
        let wanted = target.parallelism.div_ceil(self.heads * tiles);
        wanted.min(pixels.div_ceil(64)).max(1)
    }
}

impl Kernel for ChannelGram {
    fn infer(&self, inputs: &[&TensorInfo], target: &Target) -> Result<TensorInfo, String> {
        let [q, k] = arity(inputs)?;
        let (q, k) = (&q.shape, &k.shape);
        expect(q.n == k.n && q.pixels() == k.pixels(), || format!("q {q} and k {k} differ in pixels"))?;
        let heads = self.heads as usize;
        let (a, b) = (q.c.segments().get(self.q..self.q + heads), k.c.segments().get(self.k..self.k + heads));
        let (Some(a), Some(b)) = (a, b) else { return Err(format!("q {q} and k {k} lack segments for {heads} heads")) };
        expect(a == b && a.iter().all(|c| *c == a[0]), || format!("the heads of q {q} and k {k} differ"))?;
        let cq = a[0].div_ceil(4);
        let h = self.chunks(q.pixels(), cq, target) * self.heads;
        Ok(TensorInfo::f32(Shape::new(q.n, h, 1, 4 * gram_size(cq))))
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let (q, k) = (cx.shape(0), cx.shape(1));
        let heads = self.heads as usize;
        let q_quads = q.c.quads_of(self.q..self.q + heads);
        let cq = (q_quads.end - q_quads.start) / self.heads;
        let chunks = cx.out_shape().h / self.heads;
        let bindings = vec![cx.input(0).into(), cx.input(1).into(), cx.out().into()];
        let io = |q_tiles, k_tiles| subgroup::Params {
            batch: q.n,
            pixels: q.pixels(),
            chunks,
            heads: self.heads,
            cq,
            q_stride: q.c.quads(),
            q_offset: q_quads.start,
            k_stride: k.c.quads(),
            k_offset: k.c.quads_of(self.k..self.k + heads).start,
            q_tiles,
            k_tiles,
        };
        let flops = 2 * u64::from(q.rows()) * u64::from(self.heads) * u64::from(16 * cq * cq);
        let groups = |p: &subgroup::Params| p.batch * p.chunks * p.heads * p.q_tiles * p.k_tiles;
        let dispatch = match cx.target.contraction {
            Contraction::Subgroup { lanes, .. } | Contraction::Wide { lanes } => {
                // As few q tiles as lanes allow, of equal width.
                let tiles = cq.div_ceil(lanes);
                let quads = cq.div_ceil(tiles);
                let params = io(tiles, cq.div_ceil(lanes));
                let key = Key::new(subgroup::NAME)
                    .define("DTYPE", cx.precision.name())
                    .define("LANES", lanes)
                    .define("WIDE", cx.target.wide())
                    .define("QUADS", quads);
                Dispatch::new(key, &params, bindings, groups(&params))
            }
            Contraction::Tiled { .. } | Contraction::Cooperative { .. } | Contraction::Plain => {
                let params = io(cq.div_ceil(SIDE), cq.div_ceil(SIDE));
                let key = Key::new(tiled::NAME).define("DTYPE", cx.precision.name());
                Dispatch::new(key, &bytemuck::cast::<_, tiled::Params>(params), bindings, groups(&params))
            }
        };
        vec![dispatch.flops(flops)]
    }
}

/// Quads of q and of k in a tile of channel_gram.wgsl.
const SIDE: u32 = 8;
