//! Floor 6: where graphs meet the device. A [`Model`] holds a checkpoint and its plans; the rest of the floor feeds it
//! pictures in tiles, guards what comes out and checks conformance cases.

pub mod bench;
pub mod chop;
pub mod conditions;
pub mod diffusion;
pub mod draw;
pub mod facts;
pub mod guard;
mod merge;
pub mod metadata;
pub mod model;
pub mod official;
pub mod plan;
pub mod restore;
pub mod shipped;
pub mod tiling;
pub mod tune;
pub mod verify;
pub mod ways;

pub use model::Model;
pub use plan::{Plan, PlanKey};
