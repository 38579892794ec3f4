//! A blend of the rows of a stored table, one set of weights an image.

use crate::base::{Channels, Shape};
use crate::kernel::generated::reduce_weighted_rows::{NAME, Params};
use crate::kernel::{Dispatch, Key, Target};
use crate::ops::{Kernel, LINEAR_GROUP, Lower, TensorInfo, arity, expect, groups};

/// Input: weights `[n, 1, 1, rows]`. Parameter: a table `[rows, channels]`.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightedRows {
    pub channels: u32,
    pub factor: f32,
}

impl Kernel for WeightedRows {
    fn infer(&self, inputs: &[&TensorInfo], _: &Target) -> Result<TensorInfo, String> {
        let [w] = arity(inputs)?;
        let w = &w.shape;
        expect(w.pixels() == 1 && w.c.segments().len() == 1, || format!("{w} holds no single set of weights an image"))?;
        Ok(TensorInfo::activation(Shape { n: w.n, h: 1, w: 1, c: Channels::one(self.channels) }))
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let (w, y) = (cx.shape(0), cx.out_shape());
        let key = Key::new(NAME)
            .define("IN", cx.inputs[0].1.storage.dtype(cx.precision).name())
            .define("DTYPE", cx.precision.name());
        let params = Params {
            batch: w.n,
            rows: w.c.logical(),
            w_quads: w.c.quads(),
            quads: y.c.quads(),
            factor: self.factor,
        };
        let bindings = vec![cx.input(0).into(), cx.params[0].into(), cx.out().into()];
        let flops = 2 * y.elements() * u64::from(w.c.logical());
        vec![Dispatch::new(key, &params, bindings, groups(y.vec4s(), LINEAR_GROUP)).flops(flops)]
    }
}
