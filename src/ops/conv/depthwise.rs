//! Depthwise k x k convolution, stride 1, zero padding k / 2; its gate multiplies the two halves of its output.

use crate::base::{Channels, Shape};
use crate::kernel::generated::conv_depthwise::{NAME, Params};
use crate::kernel::generated::conv_depthwise_sliding as sliding;
use crate::kernel::{Binding, Dispatch, Key, Target};
use crate::ops::{Activation, Kernel, LINEAR_GROUP, Lower, TensorInfo, arity, expect, groups};

/// Inputs: x, per-image weights (if `dynamic`). Parameters: weight (unless `dynamic`), bias (if `bias`).
#[derive(Debug, Clone, PartialEq)]
pub struct Depthwise {
    pub kernel: u32,
    pub bias: bool,
    pub activation: Activation,
    /// The channels are two equal halves; the output is `activation(first) * second`.
    pub gate: Option<Activation>,
    /// The weights are an input `[n, 1, kernel * kernel, c]`, one set for each image.
    pub dynamic: bool,
}

impl Depthwise {
    pub fn new(kernel: u32, bias: bool) -> Self {
        Depthwise { kernel, bias, activation: Activation::None, gate: None, dynamic: false }
    }
}

/// Pixels of a row that an invocation of depthwise.wgsl computes.
const STRIP: u32 = 8;
/// Pixels of a row and rows of one of depthwise_sliding.wgsl.
const SLIDING: (u32, u32) = (4, 16);

/// The first half of an even number of equal channel segments.
pub(crate) fn first_half(c: &Channels) -> Result<Channels, String> {
    let (a, b) = c.segments().split_at(c.segments().len() / 2);
    expect(a == b, || format!("a gate needs two equal halves, got segments {:?}", c.segments()))?;
    Ok(Channels::split(Vec::from(a)))
}

impl Kernel for Depthwise {
    fn infer(&self, inputs: &[&TensorInfo], _: &Target) -> Result<TensorInfo, String> {
        let x = match inputs {
            [x, weight] if self.dynamic => {
                let (s, taps) = (&weight.shape, self.kernel * self.kernel);
                let fits = s.n == x.shape.n && s.pixels() == taps && s.c == x.shape.c;
                expect(fits, || format!("per-image weights have shape {s}"))?;
                x
            }
            _ => arity::<1>(inputs)?[0],
        };
        expect(self.kernel % 2 == 1, || format!("the kernel is {} wide, not odd", self.kernel))?;
        let c = if self.gate.is_some() { first_half(&x.shape.c)? } else { x.shape.c.clone() };
        Ok(TensorInfo::activation(x.shape.with_channels(c)))
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let Shape { n, h, w, .. } = *cx.out_shape();
        let (x_quads, y_quads) = (cx.shape(0).c.quads(), cx.out_shape().c.quads());
        let slides = self.kernel == 3 && cx.target.wide() == 1;
        let (strip, rows) = if slides { SLIDING } else { (STRIP, 1) };
        // Compiles for twice as long, so not for the first replays.
        let quads = if slides && cx.target.settled && y_quads.is_multiple_of(2) { 2 } else { 1 };
        let shape = if slides {
            Key::new(sliding::NAME).define("STRIP", strip).define("DOWN", rows).define("QUADS", quads)
        } else {
            Key::new(NAME).define("KERNEL", self.kernel)
        };
        let key = shape
            .define("DTYPE", cx.precision.name())
            .define("GATED", u8::from(self.gate.is_some()))
            .define("WIDE", cx.target.wide())
            .constant("BIAS", u32::from(self.bias))
            .constant("ACTIVATION", self.activation as u32)
            .constant("GATE", self.gate.unwrap_or_default() as u32);
        let w_batch = if self.dynamic { self.kernel * self.kernel * x_quads } else { 0 };
        let params = Params { batch: n, h, w, x_quads, y_quads, w_batch };
        let mut given = cx.params.iter().copied();
        let weight: Binding = if self.dynamic { cx.input(1).into() } else { given.next().into() };
        let bindings = vec![cx.input(0).into(), weight, given.next().into(), cx.out().into()];
        let total = u64::from(n * h.div_ceil(rows) * w.div_ceil(strip)) * u64::from(y_quads / quads);
        let flops = 2 * u64::from(n * h * w) * u64::from(4 * x_quads * self.kernel * self.kernel);
        let count = groups(total, LINEAR_GROUP);
        let dispatch = if slides {
            let params: sliding::Params = bytemuck::cast(params);
            Dispatch::new(key, &params, bindings, count)
        } else {
            Dispatch::new(key, &params, bindings, count)
        };
        vec![dispatch.flops(flops)]
    }
}
