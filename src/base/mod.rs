//! Floor 0: the words every other floor speaks, and how a file gets its name. No GPU.

pub mod caught;
pub mod dtype;
pub mod error;
pub mod file;
pub mod hash;
pub mod shape;
pub mod task;

pub use caught::caught;
pub use dtype::DType;
pub use error::{Error, Kind, Result};
pub use shape::{Channels, Shape};
