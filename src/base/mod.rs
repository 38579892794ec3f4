//! Floor 0: the words every other floor speaks. No GPU, no files.

pub mod dtype;
pub mod error;
pub mod hash;
pub mod shape;
pub mod task;

pub use dtype::DType;
pub use error::{Error, Kind, Result};
pub use shape::{Channels, Shape};
