//! What lowering needs to know of an adapter, as plain data.

use crate::base::DType;

/// The families of contraction kernels (ARCHITECTURE.md, "Two kinds of device").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Contraction {
    /// One subgroup a workgroup, rows broadcast between its lanes. For adapters that run on a CPU.
    Subgroup { lanes: u32, cols: u32 },
    /// The same with larger tiles and 64-bit integers for memory, two values at a time (shaders/shared/dtype.wgsl): for
    /// CPU drivers that load lane by lane. Kernels that are not contractions use such loads too.
    Wide { lanes: u32 },
    /// Tiles in workgroup memory, of which an invocation sums 8 or 4 rows: the fewer are for GPUs with few registers. For GPUs;
    /// it needs no feature.
    Tiled { rows: u32 },
    /// The same tiles multiplied by the matrix units of a GPU. `lanes` is the largest size of a subgroup; `f32` and `f16`
    /// are the sides of the square matrices for operands of that storage, summed in f32: 8, 16, or 0 where the adapter
    /// has none and the storage stays with `Tiled`, whose panels are the same. So do contractions over less than `depth`
    /// quads of K, where the tuning found that matrices do not pay.
    Cooperative { lanes: u32, f32: u32, f16: u32, depth: u32 },
    /// Every sum by itself, over the same panels. For checks, and for devices on which the others compute wrongly.
    Plain,
}

impl Contraction {
    /// The tiles that share most of what they load.
    pub const TILED: Contraction = Contraction::Tiled { rows: 8 };

    /// The family that computes a contraction over `quads` quads of K in a plan of this precision.
    pub fn at(self, precision: DType, quads: u32) -> Self {
        match self {
            Contraction::Cooperative { depth, .. } if self.side(precision) == 0 || quads < depth => Contraction::TILED,
            other => other,
        }
    }

    /// Side of the cooperative matrices for operands of this storage; 0 without any.
    pub fn side(self, precision: DType) -> u32 {
        match (self, precision) {
            (Contraction::Cooperative { f32, .. }, DType::F32) => f32,
            (Contraction::Cooperative { f16, .. }, DType::F16) => f16,
            _ => 0,
        }
    }
}

/// What a GPU may do in one dispatch: a fifth of a second at 100 GFLOP/s, where watchdogs wait for two.
pub const GPU_DISPATCH: u64 = 20_000_000_000;

/// Capabilities of the adapter a graph is lowered for.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Lanes of a subgroup when all subgroups have the same size, else `None`.
    pub subgroup: Option<u32>,
    /// Parameters travel as immediates rather than in a uniform window.
    pub immediates: bool,
    pub max_workgroup_invocations: u32,
    pub max_binding_bytes: u64,
    pub contraction: Contraction,
    /// Workgroups that keep the adapter busy; reductions are split into about this many.
    pub parallelism: u32,
    /// Threads that a software adapter runs workgroups on; each gets an equal share of a dispatch.
    pub workers: u32,
    /// Operations that one dispatch should not exceed: a submit holds one at least, and a GPU has a watchdog.
    pub dispatch_flops: u64,
    /// Which private arrays the driver's compiler takes well (shaders/matmul/contract_resident.wgsl, COARSE).
    pub coarse_pieces: bool,
    /// The plan will be replayed often enough to pay for kernels that compile for seconds (`Contraction::Wide` has some).
    pub settled: bool,
}

impl Target {
    /// Quads of output channels in one panel of a packed matrix: what one workgroup of the contraction kernel covers.
    /// A gated matrix has a panel of both halves, the first half's quads before the second's.
    pub fn panel_quads(&self, gated: bool) -> u32 {
        match self.contraction {
            Contraction::Subgroup { lanes, .. } if gated => 2 * lanes,
            Contraction::Subgroup { lanes, cols } => lanes * cols,
            Contraction::Wide { lanes } => 2 * lanes,
            Contraction::Tiled { .. } | Contraction::Cooperative { .. } | Contraction::Plain => 16,
        }
    }

    /// Lanes of a workgroup in the kernels that are one subgroup, where they pay.
    pub fn lanes(&self) -> Option<u32> {
        match self.contraction {
            Contraction::Subgroup { lanes, .. } | Contraction::Wide { lanes } => Some(lanes),
            Contraction::Tiled { .. } | Contraction::Cooperative { .. } | Contraction::Plain => None,
        }
    }

    /// The value of the axis WIDE.
    pub fn wide(&self) -> u32 {
        u32::from(matches!(self.contraction, Contraction::Wide { .. }))
    }

    /// WebGPU's core limits and nothing more.
    pub fn core() -> Self {
        Target {
            subgroup: None,
            immediates: false,
            max_workgroup_invocations: 256,
            max_binding_bytes: 128 << 20,
            contraction: Contraction::TILED,
            parallelism: 64,
            workers: 2,
            dispatch_flops: GPU_DISPATCH,
            coarse_pieces: false,
            settled: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matrices_do_not_serve_stays_with_tiles() {
        let half = Contraction::Cooperative { lanes: 32, f32: 0, f16: 16, depth: 24 };
        assert_eq!(half.at(DType::F16, 24), half);
        assert_eq!(half.at(DType::F16, 23), Contraction::TILED, "too few k to pay");
        assert_eq!(half.at(DType::F32, 24), Contraction::TILED, "f16 matrices would round f32 operands");
        // The weights of both are packed once.
        let panels = |contraction| {
            let target = Target { contraction, ..Target::core() };
            [target.panel_quads(false), target.panel_quads(true)]
        };
        assert_eq!(panels(half), panels(Contraction::TILED));
        assert_eq!(Contraction::Wide { lanes: 8 }.at(DType::F16, 1), Contraction::Wide { lanes: 8 });
    }
}
