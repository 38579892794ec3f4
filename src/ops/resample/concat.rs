//! Concatenation along channels; segments stay apart, so it copies whole quads.

use crate::kernel::generated::resample_concat::{NAME, Params};
use crate::kernel::{Dispatch, Key, Target};
use crate::ops::{Kernel, LINEAR_GROUP, Lower, TensorInfo, arity, expect, groups};

#[derive(Debug, Clone, PartialEq)]
pub struct Concat;

impl Kernel for Concat {
    fn infer(&self, inputs: &[&TensorInfo], _: &Target) -> Result<TensorInfo, String> {
        let [a, b] = arity(inputs)?;
        let same = a.shape.n == b.shape.n && a.shape.h == b.shape.h && a.shape.w == b.shape.w;
        expect(same, || format!("{} and {} differ in more than channels", a.shape, b.shape))?;
        Ok(TensorInfo::activation(a.shape.with_channels(a.shape.c.concat(&b.shape.c))))
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let total = cx.out_shape().vec4s();
        let key = Key::new(NAME).define("DTYPE", cx.precision.name());
        let params = Params { total: total as u32, a_quads: cx.shape(0).c.quads(), b_quads: cx.shape(1).c.quads() };
        let bindings = vec![cx.input(0).into(), cx.input(1).into(), cx.out().into()];
        vec![Dispatch::new(key, &params, bindings, groups(total, LINEAR_GROUP))]
    }
}
