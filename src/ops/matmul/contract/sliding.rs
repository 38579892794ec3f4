//! When a 3x3 convolution runs by contract_sliding.wgsl, and in how many dispatches.

use super::Contract;
use super::slabs::MIN_FLOPS;
use crate::base::DType;
use crate::kernel::generated::matmul_contract_sliding::{NAME, Params};
use crate::kernel::{Binding, Contraction, Dispatch, Key};
use crate::ops::Lower;

/// Quads of channels a dispatch may hold the weights of.
const DEPTHS: [u32; 2] = [6, 8];
/// By its instructions, filling the arrays costs as much as a few dozen pixels, so a workgroup has some hundreds, and llvmpipe ends loops after
/// 65,535 rounds.
const LEAST_PIXELS: u32 = 256;
const MOST_PIXELS: u32 = 8192;

/// How the channels of a convolution, and the rows of its picture, are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sliding {
    /// Quads of channels of one dispatch.
    quads: u32,
    /// Whole blocks of eight quads of the output, and the quads that are left for lanes of two columns.
    blocks: u32,
    left: u32,
}

impl Sliding {
    /// `None` where another kernel serves better, or alone can. `io` describes the whole convolution, `parts` its matrix.
    pub fn of(op: &Contract, io: &Params, parts: usize, cx: &Lower<'_>) -> Option<Sliding> {
        let target = cx.target;
        let same = op.kernel == (3, 3) && op.stride == 1 && op.pad == 1;
        let plain = op.gate.is_none() && !op.scale && !op.low_rank && parts == 1;
        let aligned = io.x_stride.is_multiple_of(2) && io.x_offset.is_multiple_of(2);
        let wide = target.settled && target.contraction == Contraction::Wide { lanes: 8 } && cx.precision == DType::F32;
        let flops = 32 * 9 * u64::from(io.batch * io.rows) * u64::from(io.k4 * io.n4);
        let sized = io.n4 >= 4 && io.rows >= LEAST_PIXELS && io.out_w <= MOST_PIXELS && flops >= MIN_FLOPS;
        if !(same && plain && aligned && wide && sized) {
            return None;
        }
        let quads = DEPTHS.into_iter().find(|quads| io.k4.is_multiple_of(*quads))?;
        // A last block of more than four quads is one dispatch, with less than half of its lanes idle, where two columns a lane would need two.
        let (blocks, left) = if io.n4 % 8 > 4 { (io.n4.div_ceil(8), 0) } else { (io.n4 / 8, io.n4 % 8) };
        Some(Sliding { quads, blocks, left })
    }

    /// Rows of the picture of a workgroup, about equal, in a dispatch of `count` blocks: dispatches wait for each other, so each should
    /// keep the adapter busy.
    fn rows(io: &Params, count: u32, workers: u32) -> u32 {
        let groups = (2 * workers).div_ceil(count * io.batch);
        let rows = io.in_h.div_ceil(groups).max(LEAST_PIXELS.div_ceil(io.out_w)).min(MOST_PIXELS / io.out_w);
        io.in_h.div_ceil(io.in_h.div_ceil(rows))
    }

    pub fn lower(self, op: &Contract, io: Params, bindings: &[Binding], cx: &Lower<'_>) -> Vec<Dispatch> {
        let slabs = io.k4 / self.quads;
        let one = |columns: u32, skipped: u32, count: u32, slab: u32| {
            let last = slab + 1 == slabs;
            // Only the last dispatch adds what follows the sum.
            let stages = if last { io.stages } else { 0 };
            let residual = last && (op.residual || op.factors);
            let key = Key::new(NAME)
                .define("DTYPE", cx.precision.name())
                .define("OUT", "same")
                .define("WINDOW", 1)
                .define("LANES", 8)
                .define("COLS", columns)
                .define("WIDE", 1)
                .define("PAIRED", 0)
                .define("DEPTH", self.quads)
                .define("COARSE", u8::from(cx.target.coarse_pieces))
                .define("DOUBLE", 1)
                .constant("ACTIVATION", if last { op.activation as u32 } else { 0 })
                .constant("RESIDUAL", residual.into());
            let rows = Self::rows(&io, count, cx.target.workers);
            let first_k4 = slab * self.quads;
            let io = Params { block: rows, first_k4, stages, panels: count, skipped, ..io };
            let quads = (count * 2 * columns).min(io.n4 - skipped * 2 * columns);
            let flops = 32 * 9 * u64::from(io.batch * io.rows) * u64::from(self.quads * quads);
            let groups = io.batch * io.in_h.div_ceil(rows) * count;
            Dispatch::new(key, &io, bindings.to_vec(), groups).flops(flops)
        };
        let mut out = Vec::new();
        for slab in 0..slabs {
            if self.blocks > 0 {
                out.push(one(4, 0, self.blocks, slab));
            }
            if self.left > 0 {
                out.push(one(2, 2 * self.blocks, 1, slab));
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Channels, Shape};
    use crate::kernel::{ParamId, Target, TensorId};
    use crate::ops::{Kernel, TensorInfo};

    /// Kernel and columns a lane of each dispatch, and all their operations.
    fn dispatches(from: u32, to: u32, target: &Target) -> (Vec<(&'static str, String)>, u64) {
        let tensor = |c| TensorInfo::activation(Shape { n: 1, h: 40, w: 50, c: Channels::one(c) });
        let (x, y) = (tensor(from), tensor(to));
        let cx = Lower {
            target,
            precision: DType::F32,
            inputs: vec![(TensorId(0), &x)],
            params: &[ParamId(0)],
            output: (TensorId(1), &y),
        };
        let all = Contract::conv(Channels::one(to), 3, 1, 1, false).lower(&cx);
        let of = |d: &Dispatch| {
            let columns = d.key.defines.iter().find(|(name, _)| *name == "COLS").map(|(_, v)| v.clone());
            (d.key.shader, columns.unwrap_or_default())
        };
        (all.iter().map(of).collect(), all.iter().map(|d| d.flops).sum())
    }

    #[test]
    fn channels_come_in_slabs_and_columns_in_blocks_and_a_rest() {
        let target = Target { contraction: Contraction::Wide { lanes: 8 }, settled: true, ..Target::core() };
        let sliding = |columns: &str| (NAME, columns.to_owned());
        let (all, flops) = dispatches(48, 48, &target);
        assert_eq!(all, ["4", "2", "4", "2"].map(sliding));
        assert_eq!(flops, 2 * 40 * 50 * 9 * 48 * 48);
        let (all, flops) = dispatches(64, 56, &target);
        assert_eq!(all, ["4", "4"].map(sliding), "a ragged block of more than four quads");
        assert_eq!(flops, 2 * 40 * 50 * 9 * 64 * 56);
        let none = |target: &Target, from| dispatches(from, 48, target).0.iter().all(|d| d.0 != "matmul/contract_sliding");
        assert!(none(&target, 40), "neither six nor eight quads divide it");
        assert!(none(&Target { settled: false, ..target }, 48), "the first replays go without");
    }
}
