//! How a picture is restored.

use crate::base::DType;
use crate::run::tiling::TileChoice;

/// Storage of weights and activations; sums are always f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// f16 where the weights' metadata says that they were verified in f16 and the adapter is a GPU, else f32.
    #[default]
    Auto,
    /// Single precision.
    F32,
    /// Half precision, whatever the weights were verified in.
    F16,
}

impl Precision {
    /// The fixed choice, if it is one.
    pub fn fixed(self) -> Option<DType> {
        match self {
            Precision::Auto => None,
            Precision::F32 => Some(DType::F32),
            Precision::F16 => Some(DType::F16),
        }
    }
}

/// What happens to a picture around the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProtocolChoice {
    /// The picture keeps its size, depth and alpha; results are rounded to the depth of the file.
    #[default]
    Own,
    /// As the family's published program does it: 8-bit RGB, its resizing or cropping, padding, tiling and rounding.
    Official,
}

/// Options of one restoration.
#[derive(Debug, Clone, PartialEq)]
pub struct RestoreOptions {
    /// Storage of weights and activations.
    pub precision: Precision,
    /// How the picture is cut.
    pub tile: TileChoice,
    /// What happens to it around the network.
    pub protocol: ProtocolChoice,
    /// Share of the restored picture in the result, 0..=1; the rest is the input.
    pub strength: f32,
    /// Bytes of device memory a plan may take.
    pub memory_budget: u64,
}

impl Default for RestoreOptions {
    fn default() -> Self {
        RestoreOptions {
            precision: Precision::Auto,
            tile: TileChoice::Auto,
            protocol: ProtocolChoice::Own,
            strength: 1.0,
            memory_budget: 2 << 30,
        }
    }
}
