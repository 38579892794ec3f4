//! y = x + table, one row of the table a pixel, shared by all images of the batch.

use crate::kernel::generated::elementwise_add_table::{NAME, Params};
use crate::kernel::{Dispatch, Key, Target};
use crate::ops::{Kernel, LINEAR_GROUP, Lower, TensorInfo, arity, expect, groups};

/// Parameter: the table, f32, with `rows` rows of the input's channels.
#[derive(Debug, Clone, PartialEq)]
pub struct AddTable {
    pub rows: u32,
}

impl Kernel for AddTable {
    fn infer(&self, inputs: &[&TensorInfo], _: &Target) -> Result<TensorInfo, String> {
        let [x] = arity(inputs)?;
        expect(x.shape.pixels() == self.rows, || format!("{} has not {} pixels", x.shape, self.rows))?;
        Ok(TensorInfo::activation(x.shape.clone()))
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let shape = cx.shape(0);
        let total = shape.vec4s();
        let key = Key::new(NAME).define("DTYPE", cx.precision.name());
        let params = Params { total: total as u32, image: shape.pixels() * shape.c.quads() };
        let bindings = vec![cx.input(0).into(), cx.params[0].into(), cx.out().into()];
        vec![Dispatch::new(key, &params, bindings, groups(total, LINEAR_GROUP)).flops(4 * total)]
    }
}
