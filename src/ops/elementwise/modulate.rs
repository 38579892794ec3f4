//! x * feature * (1 + prompt * scale) + prompt * shift, scale and shift per image and channel.

use crate::kernel::generated::elementwise_modulate::{NAME, Params};
use crate::kernel::{Binding, Dispatch, Key, Target};
use crate::ops::{Kernel, LINEAR_GROUP, Lower, TensorInfo, arity, expect, groups};

/// Inputs: x and, if `scale` or `shift`, a vector `[n, 1, 1, ·]` that holds the channels of x once for each of the two.
#[derive(Debug, Clone, PartialEq)]
pub struct Modulate {
    pub feature: f32,
    pub prompt: f32,
    pub scale: bool,
    pub shift: bool,
}

impl Kernel for Modulate {
    fn infer(&self, inputs: &[&TensorInfo], _: &Target) -> Result<TensorInfo, String> {
        if !self.scale && !self.shift {
            let [x] = arity(inputs)?;
            return Ok(TensorInfo::activation(x.shape.clone()));
        }
        let [x, v] = arity(inputs)?;
        let (x, v) = (&x.shape, &v.shape);
        let wanted = if self.scale && self.shift { x.c.concat(&x.c) } else { x.c.clone() };
        let fits = v.n == x.n && v.pixels() == 1 && v.c == wanted;
        expect(fits, || format!("{v} does not modulate {x}"))?;
        Ok(TensorInfo::activation(x.clone()))
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let shape = cx.shape(0);
        let total = shape.vec4s();
        let key = Key::new(NAME)
            .define("DTYPE", cx.precision.name())
            .constant("SCALE", u32::from(self.scale))
            .constant("SHIFT", u32::from(self.shift));
        let params = Params {
            total: total as u32,
            quads: shape.c.quads(),
            image: shape.pixels() * shape.c.quads(),
            feature: self.feature,
            prompt: self.prompt,
        };
        let v = if self.scale || self.shift { cx.input(1).into() } else { Binding::Unused };
        let bindings = vec![cx.input(0).into(), v, cx.out().into()];
        vec![Dispatch::new(key, &params, bindings, groups(total, LINEAR_GROUP)).flops(24 * total)]
    }
}
