//! Third step of channel attention: attention map times output projection, as a packed matrix for each image.

use crate::base::{Channels, Shape};
use crate::kernel::generated::attention_channel_project::{NAME, Params};
use crate::kernel::{Dispatch, Key, Target};
use crate::ops::{Kernel, LINEAR_GROUP, Lower, TensorInfo, arity, groups};

/// Input: attention maps. Parameter: the matrix of the output projection, packed. Output: per-image weights for a
/// dynamic [`Contract`](crate::ops::matmul::contract::Contract) over v.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelProject {
    pub channels: u32,
    pub out: Channels,
}

impl Kernel for ChannelProject {
    fn infer(&self, inputs: &[&TensorInfo], target: &Target) -> Result<TensorInfo, String> {
        let [map] = arity(inputs)?;
        let width = target.panel_quads(false);
        let panels = self.out.quads().div_ceil(width);
        Ok(TensorInfo::activation(Shape::new(map.shape.n, panels, map.shape.h * map.shape.w, 4 * width)))
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let (map, y) = (cx.shape(0), cx.out_shape());
        let params = Params {
            batch: map.n,
            heads: map.h,
            cq: map.w / 4,
            c: self.channels,
            panels: y.h,
            width: y.c.quads(),
        };
        let key = Key::new(NAME).define("DTYPE", cx.precision.name()).define("WIDE", cx.target.wide());
        let bindings = vec![cx.input(0).into(), cx.params[0].into(), cx.out().into()];
        let flops = 8 * y.vec4s() * u64::from(self.channels);
        // With WIDE an invocation computes the rows of a quad (channel_project.wgsl).
        let invocations = y.vec4s() / if cx.target.wide() == 1 { 4 } else { 1 };
        vec![Dispatch::new(key, &params, bindings, groups(invocations, LINEAR_GROUP)).flops(flops)]
    }
}
