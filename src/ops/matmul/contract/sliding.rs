//! When a 3x3 convolution runs by contract_sliding.wgsl, and in how many dispatches.

use super::Contract;
use super::slabs::MIN_FLOPS;
use crate::base::DType;
use crate::kernel::generated::matmul_contract_sliding::{NAME, Params};
use crate::kernel::{Binding, Contraction, Dispatch, Key};
use crate::ops::Lower;

/// Quads of channels a dispatch may hold the weights of.
const DEPTHS: [u32; 2] = [6, 8];
/// Filling the arrays costs about as much as thirty pixels, so a workgroup has some hundreds, and llvmpipe ends loops after
/// 65,535 rounds.
const PIXELS: std::ops::RangeInclusive<u32> = 512..=8192;

/// How the channels of a convolution, and the rows of its picture, are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sliding {
    /// Quads of channels of one dispatch.
    quads: u32,
    /// Whole blocks of eight quads of the output, and the quads that are left for lanes of two columns.
    blocks: u32,
    left: u32,
    /// Rows of the picture of a workgroup.
    rows: u32,
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
        if !(same && plain && aligned && wide) || io.n4 < 4 || io.rows < *PIXELS.start() || flops < MIN_FLOPS {
            return None;
        }
        let quads = DEPTHS.into_iter().find(|quads| io.k4.is_multiple_of(*quads))?;
        // A last block of more than four quads leaves fewer lanes idle than two columns a lane would take time.
        let (blocks, left) = if io.n4 % 8 > 4 { (io.n4.div_ceil(8), 0) } else { (io.n4 / 8, io.n4 % 8) };
        let groups = (2 * target.parallelism).div_ceil((blocks + u32::from(left > 0)) * io.batch);
        let most = (PIXELS.end() / io.out_w).max(1);
        let rows = io.in_h.div_ceil(groups).max(PIXELS.start().div_ceil(io.out_w)).min(most);
        (io.out_w < *PIXELS.end()).then_some(Sliding { quads, blocks, left, rows })
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
                .constant("RESIDUAL", residual.into())
                .constant("GOES_ON", u32::from(slab > 0));
            let first_k4 = slab * self.quads;
            let io = Params { block: self.rows, first_k4, stages, panels: count, skipped, ..io };
            let quads = (count * 2 * columns).min(io.n4 - skipped * 2 * columns);
            let flops = 32 * 9 * u64::from(io.batch * io.rows) * u64::from(self.quads * quads);
            let groups = io.batch * io.in_h.div_ceil(self.rows) * count;
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
