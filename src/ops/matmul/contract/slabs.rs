//! When a contraction runs by contract_resident.wgsl, and in how many dispatches.

use crate::base::DType;
use crate::kernel::{Contraction, Target};

/// Quads of K a dispatch may hold: of 1x1 contractions, and of windows, whose K are multiples of nine taps.
const POINT: [u32; 5] = [8, 12, 16, 24, 32];
const WINDOW: [u32; 1] = [36];
/// Below it a dispatch saves less than five milliseconds of one core, and its pipelines still compile for seconds.
pub(super) const MIN_FLOPS: u64 = 50_000_000;
/// By its instructions, filling the arrays costs as much as about thirty rows.
const MIN_ROWS: u32 = 256;

/// A contraction in slabs of K.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slabs {
    /// Quads of K a slab.
    pub k4: u32,
    pub count: u32,
    /// Rows of a workgroup.
    pub block: u32,
}

/// What one dispatch computes of K.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slab {
    pub k4: u32,
    pub block: u32,
    /// The first quad, and whether none follows.
    pub start: u32,
    pub last: bool,
}

/// A contraction as far as the choice depends on it.
#[derive(Debug, Clone, Copy)]
pub struct Work {
    pub rows: u32,
    pub images: u32,
    /// Quads of K, all taps together, and of the output (of one half when gated).
    pub k4: u32,
    pub n4: u32,
    pub panels: u32,
    pub window: bool,
    pub gated: bool,
}

impl Slabs {
    /// `None` where contract_subgroup.wgsl serves better, or alone can.
    pub fn of(work: &Work, precision: DType, target: &Target) -> Option<Slabs> {
        // Partial sums are kept in the output, which must not round them.
        if !target.settled || !matches!(target.contraction, Contraction::Wide { lanes: 8 }) || precision != DType::F32 {
            return None;
        }
        let halves = if work.gated { 2 } else { 1 };
        let flops = 32 * u64::from(work.rows) * u64::from(work.images) * u64::from(work.k4) * u64::from(halves * work.n4);
        if flops < MIN_FLOPS || work.rows < MIN_ROWS || work.k4 < 6 || (!work.gated && work.n4 % 2 == 1) {
            return None;
        }
        // Instructions a row, counted roughly in the machine code: sums and loads of a quad of K, and the sums of a slab before it.
        let cost = |k4: u32| {
            let count = work.k4.div_ceil(k4);
            count * (92 * k4 + if count > 1 { 768 } else { 0 })
        };
        let k4 = *if work.window { &WINDOW[..] } else { &POINT[..] }.iter().min_by_key(|k4| cost(**k4))?;
        let count = work.k4.div_ceil(k4);
        // A gated output has no room for the partial sums of both halves.
        if work.gated && count > 1 || 3 * count * k4 > 4 * work.k4 {
            return None;
        }
        let groups = (2 * target.parallelism).div_ceil(work.panels * work.images);
        Some(Slabs { k4, count, block: work.rows.div_ceil(groups).clamp(128, 1024) })
    }

    pub fn each(self) -> impl Iterator<Item = Slab> {
        let slab = move |n| Slab { k4: self.k4, block: self.block, start: n * self.k4, last: n + 1 == self.count };
        (0..self.count).map(slab)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Channels, Shape};
    use crate::kernel::{ParamId, TensorId};
    use crate::ops::matmul::contract::Contract;
    use crate::ops::{Kernel, Lower, TensorInfo};

    fn slabs(work: Work) -> Option<(u32, u32)> {
        let target = Target { contraction: Contraction::Wide { lanes: 8 }, settled: true, ..Target::core() };
        Slabs::of(&work, DType::F32, &target).map(|s| (s.k4, s.count))
    }

    #[test]
    fn slabs_fit_k() {
        let work = Work { rows: 16384, images: 1, k4: 12, n4: 36, panels: 3, window: false, gated: false };
        assert_eq!(slabs(work), Some((12, 1)));
        assert_eq!(slabs(Work { k4: 48, ..work }), Some((24, 2)));
        assert_eq!(slabs(Work { k4: 32, gated: true, ..work }), Some((32, 1)));
        assert_eq!(slabs(Work { k4: 108, window: true, ..work }), Some((36, 3)));
        assert_eq!(slabs(Work { k4: 64, gated: true, ..work }), None, "the partial sums of two halves");
        assert_eq!(slabs(Work { n4: 35, ..work }), None, "lanes own pairs of quads");
        assert_eq!(slabs(Work { rows: 200, k4: 256, ..work }), None, "filling would cost more than it saves");
        assert_eq!(slabs(Work { k4: 9, window: true, ..work }), None, "three quarters would be zeros");
        assert_eq!(slabs(Work { rows: 512, n4: 32, ..work }), None, "compiling would cost more than it saves");
    }

    #[test]
    fn first_replays_do_without_and_partial_sums_are_never_rounded() {
        let work = Work { rows: 16384, images: 1, k4: 12, n4: 36, panels: 3, window: false, gated: false };
        let target = Target { contraction: Contraction::Wide { lanes: 8 }, settled: true, ..Target::core() };
        assert_eq!(Slabs::of(&work, DType::F16, &target), None);
        assert_eq!(Slabs::of(&work, DType::F32, &Target { settled: false, ..target }), None);
    }

    #[test]
    fn the_last_slab_alone_adds_the_residual() {
        let target = Target { contraction: Contraction::Wide { lanes: 8 }, settled: true, ..Target::core() };
        let tensor = |c| TensorInfo::activation(Shape { n: 1, h: 33, w: 32, c: Channels::one(c) });
        let (x, y) = (tensor(190), tensor(270));
        let mut op = Contract::linear(Channels::one(270), true);
        op.residual = true;
        let cx = Lower {
            target: &target,
            precision: DType::F32,
            inputs: vec![(TensorId(0), &x), (TensorId(1), &y)],
            params: &[ParamId(0), ParamId(1)],
            output: (TensorId(2), &y),
        };
        let dispatches = op.lower(&cx);
        let constant = |name: &str| -> Vec<u32> {
            let value = |key: &crate::kernel::Key| key.constants.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
            dispatches.iter().filter_map(|d| value(&d.key)).collect()
        };
        assert!(dispatches.iter().all(|d| d.key.shader == "matmul/contract_resident"));
        // Four whole panels and the quarter that is left, in two slabs each.
        assert_eq!(constant("GOES_ON"), [0, 1, 0, 1]);
        assert_eq!(constant("RESIDUAL"), [0, 1, 0, 1]);
        assert_eq!(dispatches.iter().map(|d| d.flops).sum::<u64>(), 2 * 33 * 32 * 192 * 272);
    }
}
