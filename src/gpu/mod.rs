//! Floor 2: everything that speaks wgpu. Chooses an adapter, compiles pipelines, replays command lists, reads back.

mod cooperative;
pub mod device;
pub mod errors;
pub mod pipelines;
pub mod program;
pub mod transfer;
pub mod weights;

pub use device::{AdapterSummary, DeviceChoice, Gpu, list_adapters};
pub use program::{Program, StepTime};
pub use transfer::Transfer;
pub use weights::WeightBuffers;
