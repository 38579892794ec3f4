//! Statistics of each group of channels from the moments of its channels, the second step of a GroupNorm.

use crate::base::{Channels, Shape};
use crate::kernel::generated::norm_group_stats::{NAME, Params};
use crate::kernel::{Dispatch, Key, Target};
use crate::ops::{Kernel, Lower, TensorInfo, arity, expect};

/// Input: the result of [`super::group_moments::GroupMoments`]. Output `[n, 1, groups, 4]` in f32.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupStats {
    pub groups: u32,
    pub eps: f32,
    /// Pixels of one image of the normalised tensor.
    pub pixels: u32,
}

/// Channels of a group, then channels and quads of the first segment.
pub(super) fn layout(c: &Channels, groups: u32) -> Result<(u32, u32, u32), String> {
    let logical = c.logical();
    expect(groups > 0 && logical.is_multiple_of(groups), || format!("{logical} channels do not make {groups} groups"))?;
    // Segments without padding need no telling apart, save the last.
    let (last, rest) = c.segments().split_last().map_or((0, &[][..]), |(l, r)| (*l, r));
    let padded: Vec<&u32> = rest.iter().filter(|s| *s % 4 != 0).collect();
    match (&padded[..], rest) {
        ([], _) => Ok((logical / groups, logical, c.quads())),
        ([_], [first]) => Ok((logical / groups, *first, first.div_ceil(4))),
        _ => Err(format!("channel segments {rest:?}+{last} are too irregular")),
    }
}

impl Kernel for GroupStats {
    fn infer(&self, inputs: &[&TensorInfo], _: &Target) -> Result<TensorInfo, String> {
        let [m] = arity(inputs)?;
        layout(&m.shape.c, self.groups)?;
        expect(m.shape.w == 2 && self.pixels > 0, || format!("{} holds no moments", m.shape))?;
        Ok(TensorInfo::f32(Shape::new(m.shape.n, 1, self.groups, 4)))
    }

    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch> {
        let m = cx.shape(0);
        let (per, first, first4) = layout(&m.c, self.groups).unwrap_or((1, 1, 1));
        let params = Params {
            batch: m.n,
            pixels: self.pixels,
            quads: m.c.quads(),
            chunks: m.h,
            groups: self.groups,
            per,
            first,
            first4,
            eps: self.eps,
        };
        let key = Key::new(NAME).define("DTYPE", "f32");
        let bindings = vec![cx.input(0).into(), cx.out().into()];
        vec![Dispatch::new(key, &params, bindings, m.n * self.groups).flops(4 * m.elements())]
    }
}
