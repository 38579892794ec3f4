//! Weights of each image: a base and the deltas of several tasks, each with the image's factor.

use crate::base::{Channels, DType, Shape};
use crate::kernel::generated::elementwise_blend::{NAME, Params};
use crate::kernel::{Binding, Dispatch, Key, Target};
use crate::ops::{Kernel, LINEAR_GROUP, Lower, TensorInfo, arity, expect, groups};

/// Input: factors `[n, 1, 1, tasks]`. Parameters: base `[rows, channels]`, deltas `[tasks, rows, channels]`.
/// Output: `[n, 1, rows, channels]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Blend {
    pub rows: u32,
    pub channels: Channels,
    pub tasks: u32,
}

/// One blend over any bindings: base, deltas, factors, result. `total` is the vec4s of one set of weights.
pub fn dispatch(batch: u32, total: u32, terms: u32, precision: DType, bindings: [Binding; 4]) -> Dispatch {
    let key = Key::new(NAME).define("DTYPE", precision.name());
    let all = u64::from(batch) * u64::from(total);
    let params = Params { batch, total, terms, s_quads: terms.div_ceil(4) };
    Dispatch::new(key, &params, bindings.to_vec(), groups(all, LINEAR_GROUP)).flops(8 * all * u64::from(terms))
}

impl Kernel for Blend {
    fn infer(&self, inputs: &[&TensorInfo], _: &Target) -> Result<TensorInfo, String> {
        let [s] = arity(inputs)?;
        let s = &s.shape;
        let fits = s.pixels() == 1 && s.c.logical() == self.tasks;
        expect(fits, || format!("factors of {} tasks have shape {s}", self.tasks))?;
        Ok(TensorInfo::activation(Shape { n: s.n, h: 1, w: self.rows, c: self.channels.clone() }))
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let y = cx.out_shape();
        let bindings = [cx.params[0].into(), cx.params[1].into(), cx.input(0).into(), cx.out().into()];
        vec![dispatch(y.n, y.pixels() * y.c.quads(), self.tasks, cx.precision, bindings)]
    }
}
