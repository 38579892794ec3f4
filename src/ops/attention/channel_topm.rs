//! Second step of PIP's channel attention: four softmaxes over the largest logits of a row, blended into one map.

use crate::base::Shape;
use crate::kernel::generated::attention_channel_topm::{NAME, Params};
use crate::kernel::{Binding, Dispatch, Key, Target};
use crate::ops::{Kernel, Lower, TensorInfo, arity, expect};

/// Input: the Gram matrices. Parameters: temperature, f32, one a head; the weights of the four softmaxes.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelTopm {
    pub heads: u32,
    /// Channels of one head.
    pub channels: u32,
}

/// The row that a workgroup keeps in its memory.
const MOST: u32 = 512;

impl ChannelTopm {
    /// How many logits each softmax keeps: a half, two thirds, three quarters, four fifths, rounded down.
    pub fn kept(&self) -> [u32; 4] {
        [(1, 2), (2, 3), (3, 4), (4, 5)].map(|(a, b)| self.channels * a / b)
    }
}

impl Kernel for ChannelTopm {
    fn infer(&self, inputs: &[&TensorInfo], _: &Target) -> Result<TensorInfo, String> {
        let [gram] = arity(inputs)?;
        let cq = self.channels.div_ceil(4);
        let fits = gram.shape.h % self.heads == 0 && gram.shape.c.quads() == 4 * cq * cq + 2 * cq;
        expect(fits, || format!("{} is no Gram tensor of {} heads", gram.shape, self.heads))?;
        // With one channel a half of them is none, and the softmax of nothing is no number.
        let range = 2..=MOST;
        expect(range.contains(&self.channels), || format!("{} channels a head, expected 2 to {MOST}", self.channels))?;
        Ok(TensorInfo::f32(Shape::new(gram.shape.n, self.heads, 4 * cq, 4 * cq)))
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let gram = cx.shape(0);
        let cq = self.channels.div_ceil(4);
        let [k1, k2, k3, k4] = self.kept();
        let params = Params {
            batch: gram.n,
            chunks: gram.h / self.heads,
            heads: self.heads,
            cq,
            c: self.channels,
            k1,
            k2,
            k3,
            k4,
        };
        let key = Key::new(NAME).define("DTYPE", "f32");
        let mut bindings = vec![cx.input(0).into()];
        bindings.extend(cx.params.iter().copied().map(Binding::Param));
        bindings.push(cx.out().into());
        let rows = gram.n * self.heads * 4 * cq;
        let flops = gram.elements() + u64::from(rows) * u64::from(self.channels * self.channels);
        vec![Dispatch::new(key, &params, bindings, rows).flops(flops)]
    }
}
