//! Floor 7: what hosts call. No type here has a lifetime or a type parameter, so that a C library can be put around it.

mod adapters;
mod attempt;
mod convert;
mod draw;
mod drawing;
mod engine;
mod evaluate;
pub(crate) mod folder;
mod half;
mod instruction;
mod options;
mod report;
mod shown;

pub use convert::{ConvertOptions, Converted, convert};
pub use drawing::{DrawOptions, DrawReport, DrawTask, Drawing, Drawn, PartPlan};
pub use engine::{Engine, EngineOptions, Model, Restored};
pub use evaluate::{Figures, Sample, compare, degraded, paired, pictures};
pub use half::HALF_ENOUGH;
pub use instruction::Instruction;
pub use options::{Precision, ProtocolChoice, RestoreOptions};
pub use report::{LayerTime, ModelInfo, Report};

pub use crate::base::file::{writable, write_all_atomic, write_atomic};
pub use crate::base::task::{TASKS, Task};
pub use crate::base::{DType, Error, Kind, Result};
pub use crate::degrade::Degradation;
pub use crate::gpu::{AdapterSummary, DeviceChoice, list_adapters};
pub use crate::image::{
    CocoSegment, Depth, DepthMap, EncodeOptions, Encoded, Format, LabelMap, Limits, Map, MapKind, Meta, MetadataPolicy,
    Picture, SegmentMap, decode_bytes, decode_file, decode_stream, encode,
};
pub use crate::run::draw::{Answer, DrawProgress};
pub use crate::run::tiling::TileChoice;
