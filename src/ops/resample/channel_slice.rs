//! A range of channels, with zeros where the input ends.

use crate::base::Channels;
use crate::kernel::generated::resample_channel_slice::{NAME, Params};
use crate::kernel::{Dispatch, Key, Target};
use crate::ops::{Kernel, LINEAR_GROUP, Lower, TensorInfo, arity, expect, groups};

#[derive(Debug, Clone, PartialEq)]
pub struct ChannelSlice {
    pub first: u32,
    /// Channels of the output.
    pub channels: u32,
}

impl Kernel for ChannelSlice {
    fn infer(&self, inputs: &[&TensorInfo], _: &Target) -> Result<TensorInfo, String> {
        let [x] = arity(inputs)?;
        let [c] = x.shape.c.segments() else { return Err(format!("expected one channel segment, got {}", x.shape)) };
        expect(self.first < *c && self.channels > 0, || format!("no channels from {} on in {}", self.first, x.shape))?;
        Ok(TensorInfo::activation(x.shape.with_channels(Channels::one(self.channels))))
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let (x, y) = (cx.shape(0), cx.out_shape());
        let key = Key::new(NAME).define("DTYPE", cx.precision.name());
        let params = Params {
            total: y.vec4s() as u32,
            x_quads: x.c.quads(),
            y_quads: y.c.quads(),
            first: self.first,
            count: self.channels.min(x.c.logical() - self.first),
        };
        let bindings = vec![cx.input(0).into(), cx.out().into()];
        vec![Dispatch::new(key, &params, bindings, groups(y.vec4s(), LINEAR_GROUP))]
    }
}
