//! y = activation(x).

use crate::kernel::generated::elementwise_activation::{NAME, Params};
use crate::kernel::{Dispatch, Key, Target};
use crate::ops::{Activation, Kernel, LINEAR_GROUP, Lower, TensorInfo, arity, groups};

#[derive(Debug, Clone, PartialEq)]
pub struct Activate {
    pub activation: Activation,
}

impl Kernel for Activate {
    fn infer(&self, inputs: &[&TensorInfo], _: &Target) -> Result<TensorInfo, String> {
        let [x] = arity(inputs)?;
        Ok(TensorInfo::activation(x.shape.clone()))
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let total = cx.shape(0).vec4s();
        let key = Key::new(NAME)
            .define("DTYPE", cx.precision.name())
            .constant("ACTIVATION", self.activation as u32);
        let bindings = vec![cx.input(0).into(), cx.out().into()];
        let params = Params { total: total as u32 };
        vec![Dispatch::new(key, &params, bindings, groups(total, LINEAR_GROUP)).flops(16 * total)]
    }
}
