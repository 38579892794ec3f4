//! Weights of the prompts of a pool for a query: softmax over the nearest keys, 0 for the rest (DATPRL-IR).

use crate::base::Shape;
use crate::kernel::generated::attention_prompt_select::{NAME, Params};
use crate::kernel::{Dispatch, Key, Target};
use crate::ops::{Kernel, Lower, TensorInfo, arity, expect};

/// Input: queries `[n, 1, 1, P]`. Parameters: keys as a table `[count, P]`, temperature. Output: `[n, 1, 1, count]`, f32
/// because the least of the chosen weights may lie below what f16 holds.
#[derive(Debug, Clone, PartialEq)]
pub struct PromptSelect {
    pub count: u32,
    pub keep: u32,
}

/// The pool that a workgroup keeps in its memory.
const MOST: u32 = 1024;

impl Kernel for PromptSelect {
    fn infer(&self, inputs: &[&TensorInfo], _: &Target) -> Result<TensorInfo, String> {
        let [query] = arity(inputs)?;
        let q = &query.shape;
        expect(q.pixels() == 1 && q.c.segments().len() == 1, || format!("{q} holds no single query an image"))?;
        expect(self.count <= MOST, || format!("a pool of {} prompts, expected at most {MOST}", self.count))?;
        let range = 1..=self.count;
        expect(range.contains(&self.keep), || format!("cannot keep {} of {} prompts", self.keep, self.count))?;
        Ok(TensorInfo::f32(Shape::new(q.n, 1, 1, self.count)))
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let query = cx.shape(0);
        let key = Key::new(NAME).define("DTYPE", cx.inputs[0].1.storage.dtype(cx.precision).name());
        let params = Params {
            batch: query.n,
            quads: query.c.quads(),
            count: self.count,
            out_quads: cx.out_shape().c.quads(),
            keep: self.keep,
        };
        let bindings = vec![cx.input(0).into(), cx.params[0].into(), cx.params[1].into(), cx.out().into()];
        let flops = 6 * query.elements() * u64::from(self.count);
        vec![Dispatch::new(key, &params, bindings, query.n).flops(flops)]
    }
}
