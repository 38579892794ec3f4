//! Second step of channel attention: L2 norms, temperature and softmax turn Gram matrices into attention maps.

use crate::base::Shape;
use crate::kernel::generated::attention_channel_softmax::{NAME, Params};
use crate::kernel::{Dispatch, Key, Target};
use crate::ops::{Kernel, LINEAR_GROUP, Lower, TensorInfo, arity, expect};

/// Input: the Gram matrices. Parameter: temperature, f32, one a head.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelSoftmax {
    pub heads: u32,
    /// Channels of one head.
    pub channels: u32,
}

impl Kernel for ChannelSoftmax {
    fn infer(&self, inputs: &[&TensorInfo], _: &Target) -> Result<TensorInfo, String> {
        let [gram] = arity(inputs)?;
        let cq = self.channels.div_ceil(4);
        let fits = gram.shape.h % self.heads == 0 && gram.shape.c.quads() == 4 * cq * cq + 2 * cq;
        expect(fits, || format!("{} is no Gram tensor of {} heads", gram.shape, self.heads))?;
        Ok(TensorInfo::f32(Shape::new(gram.shape.n, self.heads, 4 * cq, 4 * cq)))
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let gram = cx.shape(0);
        let cq = self.channels.div_ceil(4);
        let params = Params {
            batch: gram.n,
            chunks: gram.h / self.heads,
            heads: self.heads,
            cq,
            c: self.channels,
        };
        let wide = cx.target.wide();
        let key = Key::new(NAME).define("DTYPE", "f32").define("WIDE", wide);
        let bindings = vec![cx.input(0).into(), cx.params[0].into(), cx.out().into()];
        let rows = gram.n * self.heads * 4 * cq;
        let count = if wide == 1 { rows.div_ceil(LINEAR_GROUP) } else { rows };
        vec![Dispatch::new(key, &params, bindings, count).flops(gram.elements())]
    }
}
