//! Floor 7: what hosts call. No type here has a lifetime or a type parameter, so that all of it can cross a C border.

mod adapters;
mod convert;
mod engine;
mod evaluate;
mod instruction;
mod options;
mod report;

pub use convert::{ConvertOptions, Converted, convert};
pub use engine::{Engine, EngineOptions, Model, Restored};
pub use evaluate::{Figures, Sample, compare, degraded, paired, pictures};
pub use instruction::Instruction;
pub use options::{Precision, ProtocolChoice, RestoreOptions};
pub use report::{LayerTime, ModelInfo, Report};

pub use crate::base::task::{TASKS, Task};
pub use crate::base::{DType, Error, Kind, Result};
pub use crate::degrade::Degradation;
pub use crate::gpu::{AdapterSummary, DeviceChoice, list_adapters};
pub use crate::image::{
    Depth, EncodeOptions, Format, Limits, Meta, MetadataPolicy, Picture, decode_bytes, decode_file, encode, writable,
    write_atomic,
};
pub use crate::run::tiling::TileChoice;
