//! Floor 2: the host side of every kernel. An op infers its output shape, chooses a variant and fills parameters.
//!
//! A new kernel is `shaders/G/op.wgsl`, `src/ops/G/op.rs`, a CPU reference, a case table, and a line below.

use crate::base::{DType, Shape};
use crate::kernel::{Dispatch, ParamId, Target, TensorId};

macro_rules! ops {
    ($($group:ident { $($file:ident :: $Type:ident),* $(,)? })*) => {
        $(pub mod $group { $(pub mod $file;)* })*

        /// Every operation a graph can hold.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Op { $($($Type($group::$file::$Type)),*),* }

        impl Op {
            pub fn kernel(&self) -> &dyn Kernel {
                match self { $($(Op::$Type(op) => op),*),* }
            }

            /// The one name of the op: shader, host file, reference, case table and timing label.
            pub fn stem(&self) -> &'static str {
                match self { $($(Op::$Type(_) => concat!(stringify!($group), "/", stringify!($file))),*),* }
            }
        }

        $($(impl From<$group::$file::$Type> for Op {
            fn from(op: $group::$file::$Type) -> Self { Op::$Type(op) }
        })*)*

        /// Stems of all ops.
        pub const STEMS: &[&str] = &[$($(concat!(stringify!($group), "/", stringify!($file))),*),*];
    };
}

ops! {
    attention {
        channel_gram::ChannelGram,
        channel_softmax::ChannelSoftmax,
        channel_topm::ChannelTopm,
        channel_project::ChannelProject,
        global_attention::GlobalAttention,
        prompt_select::PromptSelect,
        window_attention::WindowAttention,
    }
    conv { depthwise::Depthwise }
    elementwise {
        activation::Activate,
        add_table::AddTable,
        binary::Binary,
        blend::Blend,
        dual_gate::DualGate,
        gate::Gate,
        modulate::Modulate,
    }
    matmul { contract::Contract, merge::Merge }
    norm {
        group_moments::GroupMoments,
        group_norm::GroupNorm,
        group_stats::GroupStats,
        layer_norm::LayerNorm,
        row_stats::RowStats,
    }
    reduce {
        adaptive_mean::AdaptiveMean,
        box_mean::BoxMean,
        mean::Mean,
        weighted_rows::WeightedRows,
    }
    resample {
        channel_slice::ChannelSlice,
        concat::Concat,
        pixel_regroup::PixelRegroup,
        pixel_shuffle::PixelShuffle,
        pixel_unshuffle::PixelUnshuffle,
        resize::Resize,
        stored::Stored,
        window::Window,
    }
}

/// How the elements of a tensor are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// In the precision of the plan.
    Activation,
    /// Always f32: statistics, Gram matrices, softmax rows, final outputs.
    F32,
}

impl Storage {
    pub fn dtype(self, precision: DType) -> DType {
        match self {
            Storage::Activation => precision,
            Storage::F32 => DType::F32,
        }
    }
}

/// What is known of a tensor before it exists.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorInfo {
    pub shape: Shape,
    pub storage: Storage,
}

impl TensorInfo {
    pub fn activation(shape: Shape) -> Self {
        TensorInfo { shape, storage: Storage::Activation }
    }

    pub fn f32(shape: Shape) -> Self {
        TensorInfo { shape, storage: Storage::F32 }
    }
}

/// What an op sees while it is lowered.
pub struct Lower<'a> {
    pub target: &'a Target,
    pub precision: DType,
    pub inputs: Vec<(TensorId, &'a TensorInfo)>,
    pub params: &'a [ParamId],
    pub output: (TensorId, &'a TensorInfo),
}

impl Lower<'_> {
    pub fn input(&self, i: usize) -> TensorId {
        self.inputs[i].0
    }

    pub fn shape(&self, i: usize) -> &Shape {
        &self.inputs[i].1.shape
    }

    pub fn out(&self) -> TensorId {
        self.output.0
    }

    pub fn out_shape(&self) -> &Shape {
        &self.output.1.shape
    }
}

/// The host side of an op.
pub trait Kernel: std::fmt::Debug {
    /// Proves the shapes, or says what was expected and what was got.
    fn infer(&self, inputs: &[&TensorInfo], target: &Target) -> Result<TensorInfo, String>;

    /// The dispatches that compute it.
    fn lower(&self, cx: &Lower<'_>) -> Vec<Dispatch>;
}

/// Activation functions; the numbers are those of shaders/shared/activation.wgsl.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u32)]
pub enum Activation {
    #[default]
    None = 0,
    Relu = 1,
    /// The exact erf form.
    Gelu = 2,
    Silu = 3,
    Sigmoid = 4,
    /// `x * sigmoid(1.702 x)`
    QuickGelu = 5,
}

/// Checks that a node has `N` inputs.
pub(crate) fn arity<'a, const N: usize>(inputs: &[&'a TensorInfo]) -> Result<[&'a TensorInfo; N], String> {
    inputs.try_into().map_err(|_| format!("expected {N} inputs, got {}", inputs.len()))
}

/// Workgroups of `size` invocations that cover `total`.
pub(crate) fn groups(total: u64, size: u32) -> u32 {
    u32::try_from(total.div_ceil(u64::from(size))).unwrap_or(u32::MAX)
}

/// Invocations of a workgroup in kernels that work element by element.
pub(crate) const LINEAR_GROUP: u32 = 64;

pub(crate) fn expect(ok: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if ok { Ok(()) } else { Err(why()) }
}
