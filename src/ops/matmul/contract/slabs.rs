//! When a contraction runs by contract_resident.wgsl, and in how many slabs of K.

use crate::base::DType;
use crate::kernel::{Contraction, Target};

/// Quads of K a workgroup may hold at a time: of windows, three channels under nine taps or multiples of the taps, of 1x1
/// contractions, and of gated ones, which cannot go on from partial sums.
const WINDOW: &[u32] = &[12, 36];
const POINT: &[u32] = &[8, 12, 16, 24, 32, 48];
const GATED: &[u32] = &[8, 12, 16, 24, 32, 48, 64, 96, 128];
/// The longest without coarse pieces: LLVM 15 takes 8 seconds to compile 64 and 18 more for 128.
const MOST_FINE: u32 = 64;
/// Below it a dispatch saves less than five milliseconds of one core, and its pipelines still compile for seconds.
pub(super) const MIN_FLOPS: u64 = 50_000_000;
/// By its instructions, filling the arrays costs as much as about thirty rows.
const MIN_ROWS: u32 = 256;
const MIN_BLOCK: u32 = 128;
const MAX_BLOCK: u32 = 1024;
/// llvmpipe ends all loops of an invocation after 65,535 rounds of them together.
const MOST_ROUNDS: u32 = 60_000;

/// A contraction in slabs of K.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slabs {
    /// Quads of K a slab.
    pub k4: u32,
    pub count: u32,
    /// Rows of a workgroup.
    pub block: u32,
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
        let held = if work.window { WINDOW } else if work.gated { GATED } else { POINT };
        let most = if target.coarse_pieces { u32::MAX } else { MOST_FINE };
        let k4 = *held.iter().filter(|k4| **k4 <= most).min_by_key(|k4| cost(**k4))?;
        let count = work.k4.div_ceil(k4);
        // A gated output has no room for the partial sums of both halves.
        if work.gated && count > 1 || 3 * count * k4 > 4 * work.k4 {
            return None;
        }
        // A slab takes a round for each k, row, and eight rows.
        let most = ((MOST_ROUNDS / count).checked_sub(4 * k4)? / 9 * 8).min(MAX_BLOCK);
        (most >= MIN_BLOCK).then(|| Slabs { k4, count, block: block(work, most, target.workers) })
    }
}

/// Rows of a workgroup, `most` or fewer: about equal, and workgroups of which each worker gets as many.
fn block(work: &Work, most: u32, workers: u32) -> u32 {
    let beside = work.panels * work.images;
    let fewest = (2 * workers).div_ceil(beside).min(work.rows / MIN_BLOCK).max(work.rows.div_ceil(most));
    let equal = |blocks: &u32| (blocks * beside).is_multiple_of(workers) && work.rows / blocks >= MIN_BLOCK;
    work.rows.div_ceil((fewest..fewest + workers).find(equal).unwrap_or(fewest))
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
        assert_eq!(slabs(Work { k4: 48, ..work }), Some((48, 1)));
        assert_eq!(slabs(Work { k4: 64, ..work }), Some((32, 2)));
        assert_eq!(slabs(Work { k4: 64, gated: true, ..work }), Some((64, 1)), "no room for the partial sums of two halves");
        assert_eq!(slabs(Work { k4: 108, window: true, ..work }), Some((36, 3)));
        assert_eq!(slabs(Work { k4: 96, gated: true, ..work }), None, "the pipeline would take too long to compile");
        assert_eq!(slabs(Work { n4: 35, ..work }), None, "lanes own pairs of quads");
        assert_eq!(slabs(Work { rows: 200, k4: 256, ..work }), None, "filling would cost more than it saves");
        assert_eq!(slabs(Work { k4: 9, window: true, ..work }), Some((12, 1)), "three channels under nine taps");
        assert_eq!(slabs(Work { k4: 16, window: true, ..work }), None, "more than half would be zeros");
        assert_eq!(slabs(Work { rows: 512, n4: 32, ..work }), None, "compiling would cost more than it saves");
    }

    #[test]
    fn coarse_pieces_hold_longer_gated_sums() {
        let work = Work { rows: 16384, images: 1, k4: 128, n4: 128, panels: 16, window: false, gated: true };
        let fine = Target { contraction: Contraction::Wide { lanes: 8 }, settled: true, ..Target::core() };
        let coarse = Target { coarse_pieces: true, ..fine };
        assert_eq!(Slabs::of(&work, DType::F32, &fine), None);
        assert_eq!(Slabs::of(&work, DType::F32, &coarse).map(|s| (s.k4, s.count)), Some((128, 1)));
    }

    #[test]
    fn first_replays_do_without_and_partial_sums_are_never_rounded() {
        let work = Work { rows: 16384, images: 1, k4: 12, n4: 36, panels: 3, window: false, gated: false };
        let target = Target { contraction: Contraction::Wide { lanes: 8 }, settled: true, ..Target::core() };
        assert_eq!(Slabs::of(&work, DType::F16, &target), None);
        assert_eq!(Slabs::of(&work, DType::F32, &Target { settled: false, ..target }), None);
    }

    #[test]
    fn workers_share_equally() {
        let work = Work { rows: 1500, images: 1, k4: 32, n4: 144, panels: 9, window: false, gated: false };
        let block = |work: Work| block(&work, MAX_BLOCK, 2);
        assert_eq!(block(work), 750);
        assert_eq!(block(Work { rows: 1000, ..work }), 500, "nine panels for two workers");
        assert_eq!(block(Work { rows: 1000, panels: 8, ..work }), 1000);
        assert_eq!(block(Work { rows: 256, panels: 1, ..work }), 128);
        assert_eq!(block(Work { rows: 300, panels: 1, images: 3, ..work }), 150);
        assert_eq!(block(Work { rows: 16384, panels: 1, ..work }), 1024);
    }

    #[test]
    fn deep_contractions_end_before_the_driver_ends_them() {
        let work = Work { rows: 4096, images: 1, k4: 1024, n4: 32, panels: 2, window: false, gated: false };
        let target = Target { contraction: Contraction::Wide { lanes: 8 }, settled: true, ..Target::core() };
        let rounds = |s: Slabs| s.count * (4 * s.k4 + s.block + s.block.div_ceil(8));
        let deep = Slabs::of(&work, DType::F32, &target).unwrap();
        assert_eq!((deep.count, deep.block), (22, 1024));
        assert!(rounds(deep) < 65_535);
        let deeper = Slabs::of(&Work { k4: 4096, ..work }, DType::F32, &target).unwrap();
        assert!(deeper.block < 512 && rounds(deeper) < 65_535, "{deeper:?}");
        assert_eq!(Slabs::of(&Work { k4: 1 << 15, ..work }, DType::F32, &target), None);
    }

    #[test]
    fn one_dispatch_for_all_slabs_of_whole_panels_and_one_for_the_rest() {
        let target = Target { contraction: Contraction::Wide { lanes: 8 }, settled: true, ..Target::core() };
        let tensor = |c| TensorInfo::activation(Shape { n: 1, h: 33, w: 32, c: Channels::one(c) });
        let (x, y) = (tensor(254), tensor(270));
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
        let of = |name: &str| -> Vec<String> { dispatches.iter().map(|d| d.key.defines[name].clone()).collect() };
        assert!(dispatches.iter().all(|d| d.key.shader == "matmul/contract_resident"));
        assert_eq!(of("SLABS"), ["1", "1"]);
        assert_eq!(of("COLS"), ["2", "1"]);
        assert_eq!(dispatches.iter().map(|d| d.flops).sum::<u64>(), 2 * 33 * 32 * 256 * 272);
    }
}
