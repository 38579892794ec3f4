//! vernis
pub mod base;
pub mod kernel;
pub mod checkpoint;
pub mod image;
pub mod ops;
pub mod gpu;
pub mod graph;
pub mod nn;
pub mod models;
pub mod run;
