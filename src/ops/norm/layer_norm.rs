//! LayerNorm over channels. The graph turns it into row statistics and a prologue where a contraction follows.

use super::row_stats::{invocations, pairs_held};
use crate::kernel::generated::norm_layer_norm::{NAME, Params};
use crate::kernel::generated::norm_layer_norm_held as held;
use crate::kernel::{Binding, Dispatch, Key, Target};
use crate::ops::{Kernel, LINEAR_GROUP, Lower, TensorInfo, arity, expect, groups};

/// Parameters: weight (if `weight`), bias (if `bias`).
#[derive(Debug, Clone, PartialEq)]
pub struct LayerNorm {
    pub eps: f32,
    /// Off for BiasFree norms, which divide by the deviation but do not subtract the mean.
    pub centre: bool,
    pub weight: bool,
    pub bias: bool,
}

/// Rows of an invocation of layer_norm_held.wgsl.
const DOWN: u32 = 16;

impl Kernel for LayerNorm {
    fn infer(&self, inputs: &[&TensorInfo], _: &Target) -> Result<TensorInfo, String> {
        let [x] = arity(inputs)?;
        // The weight's zeros are what keeps padding lanes zero once the mean is subtracted.
        let c = &x.shape.c;
        expect(self.weight || !self.centre || c.padded() == c.logical(), || {
            format!("{} has padding lanes, which a centred norm without weight would fill", x.shape)
        })?;
        Ok(TensorInfo::activation(x.shape.clone()))
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let shape = cx.shape(0);
        let pairs = pairs_held(shape, cx.target);
        let key = match pairs {
            Some(pairs) => Key::new(held::NAME).define("LANES", 8).define("PAIRS", pairs).define("DOWN", DOWN),
            None => Key::new(NAME),
        };
        let key = key
            .define("DTYPE", cx.precision.name())
            .define("WIDE", cx.target.wide())
            .constant("CENTRE", u32::from(self.centre))
            .constant("WEIGHT", u32::from(self.weight))
            .constant("BIAS", u32::from(self.bias))
            .constant("PADDED", u32::from(shape.c.padded() != shape.c.logical()));
        let c = shape.c.logical();
        let params = Params {
            rows: shape.rows(),
            quads: shape.c.quads(),
            channels: c as f32,
            padding: (shape.c.padded() - c) as f32,
            eps: self.eps,
        };
        let mut given = cx.params.iter().map(|p| Binding::Param(*p));
        let mut take = |present: bool| present.then(|| given.next()).flatten().unwrap_or(Binding::Unused);
        let bindings = vec![cx.input(0).into(), take(self.weight), take(self.bias), cx.out().into()];
        let dispatch = match pairs {
            Some(_) => Dispatch::new(key, &bytemuck::cast::<_, held::Params>(params), bindings, shape.rows().div_ceil(8 * DOWN)),
            None => Dispatch::new(key, &params, bindings, groups(invocations(shape, cx.target), LINEAR_GROUP)),
        };
        vec![dispatch.flops(8 * shape.elements())]
    }
}
