//! Attention of all queries over all keys, self or cross, without a matrix of their products.

use crate::base::Channels;
use crate::kernel::generated::{
    attention_global_attention as whole, attention_global_attention_split as split,
    attention_global_attention_subgroup as subgroup,
};
use crate::kernel::{Dispatch, Key, Target};
use crate::ops::{Kernel, Lower, TensorInfo, arity, expect};

/// Inputs: the tensors that hold q, k and v (may be one). One channel segment a head.
#[derive(Debug, Clone, PartialEq)]
pub struct GlobalAttention {
    pub heads: u32,
    /// Channels of one head.
    pub channels: u32,
    /// First segments of q, k and v in their tensors.
    pub segments: (usize, usize, usize),
    /// Key n is seen by queries from n on.
    pub causal: bool,
}

impl Kernel for GlobalAttention {
    fn infer(&self, inputs: &[&TensorInfo], _: &Target) -> Result<TensorInfo, String> {
        let [q, k, v] = arity(inputs)?;
        let heads = self.heads as usize;
        for (t, first) in [(q, self.segments.0), (k, self.segments.1), (v, self.segments.2)] {
            let own = t.shape.c.segments().get(first..first + heads);
            let ok = own.is_some_and(|s| s.iter().all(|c| *c == self.channels));
            expect(ok, || format!("{} lacks {heads} heads of {} channels", t.shape, self.channels))?;
        }
        let (k, v) = (&k.shape, &v.shape);
        expect(k.n == v.n && k.pixels() == v.pixels(), || format!("k {k} and v {v} differ in tokens"))?;
        expect(k.n == q.shape.n || k.n == 1, || format!("keys of {} images for {}", k.n, q.shape.n))?;
        Ok(TensorInfo::activation(q.shape.with_channels(Channels::repeat(self.channels, self.heads))))
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let (q, k, v) = (cx.shape(0), cx.shape(1), cx.shape(2));
        let offset = |c: &Channels, first: usize| c.quads_of(first..first + self.heads as usize).start;
        let dq = self.channels.div_ceil(4);
        let key = |shader| {
            Key::new(shader).define("DTYPE", cx.precision.name()).constant("CAUSAL", u32::from(self.causal))
        };
        let params = whole::Params {
            batch: q.n,
            queries: q.pixels(),
            keys: k.pixels(),
            heads: self.heads,
            q_stride: q.c.quads(),
            q_offset: offset(&q.c, self.segments.0),
            k_stride: k.c.quads(),
            k_offset: offset(&k.c, self.segments.1),
            v_stride: v.c.quads(),
            v_offset: offset(&v.c, self.segments.2),
            scale: (self.channels as f32).powf(-0.5),
            k_batch: k.n,
        };
        let bindings = vec![cx.input(0).into(), cx.input(1).into(), cx.input(2).into(), cx.out().into()];
        let flops = 4 * u64::from(q.rows()) * u64::from(k.pixels()) * u64::from(self.heads * self.channels);
        let rows = q.n * self.heads;
        let dispatch = if cx.target.lanes().is_none() && dq > WIDEST {
            let whole::Params { batch, queries, keys, heads, q_stride, q_offset, k_stride, k_offset, .. } = params;
            let whole::Params { v_stride, v_offset, scale, k_batch, .. } = params;
            let params = split::Params {
                batch,
                queries,
                keys,
                heads,
                dq,
                q_stride,
                q_offset,
                k_stride,
                k_offset,
                v_stride,
                v_offset,
                scale,
                k_batch,
            };
            let key = key(split::NAME).define("DP", dq.div_ceil(PARTS)).define("PARTS", PARTS);
            Dispatch::new(key, &params, bindings, rows * q.pixels().div_ceil(64 / PARTS))
        } else if let Some(lanes) = cx.target.lanes() {
            // Queries of a lane: the kernel is unrolled over them, over the keys of a load and over the head.
            let tall = if dq <= 6 { 4 } else { 1 };
            let key = key(subgroup::NAME)
                .define("WIDE", cx.target.wide())
                .define("DQ", dq)
                .define("LANES", lanes)
                .define("TALL", tall);
            let groups = rows * q.pixels().div_ceil(tall * lanes);
            Dispatch::new(key, &bytemuck::cast::<_, subgroup::Params>(params), bindings, groups)
        } else {
            Dispatch::new(key(whole::NAME).define("DQ", dq), &params, bindings, rows * q.pixels().div_ceil(64))
        };
        vec![dispatch.flops(flops)]
    }
}

/// Quads of a head that one invocation of a GPU keeps, twice over.
const WIDEST: u32 = 16;
/// Invocations that share a query of a wider head.
const PARTS: u32 = 4;
