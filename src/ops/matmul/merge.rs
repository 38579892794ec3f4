//! Adds a low-rank product to a packed matrix: task weights W + B A in the layout of the contraction kernels.

use crate::kernel::generated::matmul_merge::{NAME, Params};
use crate::kernel::{Binding, Dispatch, Key, Target};
use crate::ops::{Kernel, LINEAR_GROUP, Lower, TensorInfo, arity, expect, groups};
use crate::base::DType;

/// Inputs: the matrix of each image, A of each image (both packed), factors of the ranks `[n, 1, 1, rank]`.
/// Parameter: B, packed. Output: the sum, a matrix for each image.
#[derive(Debug, Clone, PartialEq)]
pub struct Merge;

/// The sizes of one merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    pub batch: u32,
    pub panels: u32,
    /// Rows of a panel.
    pub depth: u32,
    /// Quads of a panel.
    pub width: u32,
    /// Quads of the rank.
    pub r4: u32,
    /// Quads of a panel of A.
    pub a_width: u32,
    /// Every image has a base and an A of its own.
    pub dynamic: bool,
    /// Merges f32 biases, not matrices in the plan's precision.
    pub bias: bool,
}

/// One merge over any bindings: base, A, B, factors, result.
pub fn dispatch(sizes: &Sizes, precision: DType, bindings: [Binding; 5]) -> Dispatch {
    let Sizes { batch, panels, depth, width, r4, a_width, .. } = *sizes;
    let total = u64::from(batch) * u64::from(panels * depth) * u64::from(width);
    let stride = |vectors: u32| if sizes.dynamic { vectors } else { 0 };
    let params = Params {
        batch,
        panels,
        depth,
        width,
        r4,
        a_width,
        base_batch: stride(panels * depth * width),
        a_batch: stride(r4.div_ceil(a_width) * depth * a_width),
    };
    let key = Key::new(NAME)
        .define("DTYPE", precision.name())
        .define("KIND", if sizes.bias { "bias" } else { "matrix" });
    Dispatch::new(key, &params, bindings.to_vec(), groups(total, LINEAR_GROUP)).flops(32 * total * u64::from(r4))
}

impl Kernel for Merge {
    fn infer(&self, inputs: &[&TensorInfo], target: &Target) -> Result<TensorInfo, String> {
        let [base, a, s] = arity(inputs)?;
        let (base, a, s) = (&base.shape, &a.shape, &s.shape);
        let width = target.panel_quads(false);
        expect(base.c.quads() == width && a.c.quads() == width, || format!("{base} and {a} are no packed matrices"))?;
        let fits = (a.n, a.w) == (base.n, base.w) && a.h == s.c.quads().div_ceil(width);
        expect(fits && s.n == base.n && s.pixels() == 1, || format!("{a} and factors {s} do not fit {base}"))?;
        Ok(TensorInfo::activation(base.clone()))
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let (base, s) = (cx.shape(0), cx.shape(2));
        let width = base.c.quads();
        let sizes = Sizes {
            batch: base.n,
            panels: base.h,
            depth: base.w,
            width,
            r4: s.c.quads(),
            a_width: width,
            dynamic: true,
            bias: false,
        };
        let bindings =
            [cx.input(0).into(), cx.input(1).into(), cx.params[0].into(), cx.input(2).into(), cx.out().into()];
        vec![dispatch(&sizes, cx.precision, bindings)]
    }
}
