//! What lowering needs to know of an adapter, as plain data.

/// The two families of contraction kernels (ARCHITECTURE.md, "Two kinds of device").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Contraction {
    /// One subgroup a workgroup, rows broadcast between its lanes. For adapters that run on a CPU.
    Subgroup { lanes: u32, cols: u32 },
    /// The same with larger tiles and 64-bit integers for memory, two values at a time (shaders/shared/dtype.wgsl): for
    /// CPU drivers that load lane by lane. Kernels that are not contractions use such loads too.
    Wide { lanes: u32 },
    /// Tiles in workgroup memory. For GPUs, and the only family that needs no feature.
    Tiled,
}

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
}

impl Target {
    /// Quads of output channels in one panel of a packed matrix: what one workgroup of the contraction kernel covers.
    /// A gated matrix has a panel of both halves, the first half's quads before the second's.
    pub fn panel_quads(&self, gated: bool) -> u32 {
        match self.contraction {
            Contraction::Subgroup { lanes, .. } if gated => 2 * lanes,
            Contraction::Subgroup { lanes, cols } => lanes * cols,
            Contraction::Wide { lanes } => 2 * lanes,
            Contraction::Tiled => 16,
        }
    }

    /// Lanes of a workgroup in the kernels that are one subgroup, where they pay.
    pub fn lanes(&self) -> Option<u32> {
        match self.contraction {
            Contraction::Subgroup { lanes, .. } | Contraction::Wide { lanes } => Some(lanes),
            Contraction::Tiled => None,
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
            contraction: Contraction::Tiled,
            parallelism: 64,
        }
    }
}
