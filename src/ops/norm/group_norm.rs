//! GroupNorm with given statistics and the activation after it.

use super::group_stats::layout;
use crate::kernel::generated::norm_group_norm::{NAME, Params};
use crate::kernel::{Dispatch, Key, Target};
use crate::ops::{Activation, Kernel, LINEAR_GROUP, Lower, TensorInfo, arity, expect, groups};

/// Inputs: x, the result of [`super::group_stats::GroupStats`]. Parameters: weight, bias.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupNorm {
    pub groups: u32,
    pub activation: Activation,
}

impl Kernel for GroupNorm {
    fn infer(&self, inputs: &[&TensorInfo], _: &Target) -> Result<TensorInfo, String> {
        let [x, stats] = arity(inputs)?;
        layout(&x.shape.c, self.groups)?;
        let s = &stats.shape;
        expect(s.n == x.shape.n && s.pixels() == self.groups && s.c.padded() == 4, || {
            format!("group statistics have shape {s}")
        })?;
        Ok(TensorInfo::activation(x.shape.clone()))
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let x = cx.shape(0);
        let total = x.vec4s();
        let (per, first, first4) = layout(&x.c, self.groups).unwrap_or((1, 1, 1));
        let quads = x.c.quads();
        let params = Params {
            total: total as u32,
            quads,
            image: x.pixels() * quads,
            groups: self.groups,
            per,
            first,
            first4,
        };
        let key = Key::new(NAME)
            .define("DTYPE", cx.precision.name())
            .constant("ACTIVATION", self.activation as u32);
        let mut given = cx.params.iter().copied();
        let bindings =
            vec![cx.input(0).into(), cx.input(1).into(), given.next().into(), given.next().into(), cx.out().into()];
        vec![Dispatch::new(key, &params, bindings, groups(total, LINEAR_GROUP)).flops(16 * total)]
    }
}
