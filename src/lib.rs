//! vernis
pub mod base;
pub mod checkpoint;
pub mod diffusion;
pub mod gpu;
pub mod graph;
pub mod image;
pub mod kernel;
pub mod models;
pub mod nn;
pub mod ops;
pub mod run;
pub mod text;
