//! Mean and 1 / deviation of each pixel's channels, for the prologue of a contraction.

use crate::base::Shape;
use crate::kernel::generated::norm_row_stats::{NAME, Params};
use crate::kernel::{Contraction, Dispatch, Key, Target};
use crate::ops::{Kernel, LINEAR_GROUP, Lower, TensorInfo, arity, groups};

#[derive(Debug, Clone, PartialEq)]
pub struct RowStats {
    pub eps: f32,
}

/// Invocations for the rows of a tensor, as shaders/norm/moments.wgsl shares them out.
pub(super) fn invocations(shape: &Shape, target: &Target) -> u64 {
    u64::from(shape.rows()) * if target.wide() == 1 { 1 } else { 8 }
}

/// Pairs of quads that an invocation of a `_held` kernel keeps, where one serves: it compiles for longer, so not for the first
/// replays.
pub(super) fn pairs_held(shape: &Shape, target: &Target) -> Option<u32> {
    let quads = shape.c.quads();
    let serves = target.settled && target.contraction == Contraction::Wide { lanes: 8 } && quads.is_multiple_of(2);
    PAIRS.into_iter().find(|pairs| serves && quads <= 2 * pairs)
}

const PAIRS: [u32; 2] = [6, 12];

impl Kernel for RowStats {
    fn infer(&self, inputs: &[&TensorInfo], _: &Target) -> Result<TensorInfo, String> {
        let [x] = arity(inputs)?;
        Ok(TensorInfo::f32(Shape::new(x.shape.n, x.shape.h, x.shape.w, 4)))
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let shape = cx.shape(0);
        let c = shape.c.logical();
        let params = Params {
            rows: shape.rows(),
            quads: shape.c.quads(),
            channels: c as f32,
            padding: (shape.c.padded() - c) as f32,
            eps: self.eps,
        };
        let key = Key::new(NAME)
            .define("DTYPE", cx.precision.name())
            .define("WIDE", cx.target.wide())
            .define("PAIRS", pairs_held(shape, cx.target).unwrap_or(0))
            .constant("PADDED", u32::from(shape.c.padded() != c));
        let bindings = vec![cx.input(0).into(), cx.out().into()];
        vec![Dispatch::new(key, &params, bindings, groups(invocations(shape, cx.target), LINEAR_GROUP)).flops(5 * shape.elements())]
    }
}
