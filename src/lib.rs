//! vernis
pub mod base;
pub mod kernel;
pub mod checkpoint;
pub mod ops;
pub mod gpu;
pub mod graph;
