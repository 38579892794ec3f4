//! `vernis bench`: how fast this device is, in a way that can be believed. Workloads have a version, every time comes
//! from an output that was compared with a reference, and every report says what it was measured on.

pub mod compare;
pub mod cooperative;
pub mod doctor;
pub mod file;
pub mod gate;
pub mod kernels;
pub mod micro;
pub mod plain;
pub mod render;
pub mod report;
pub mod roof;
pub mod stamp;
pub mod stats;
pub mod suite;
pub mod svg;
pub mod synthetic;
pub mod timing;
pub mod workloads;

/// The version of the workloads. Any change of what is computed bumps it and splits the tables.
pub const SUITE: &str = "v1";

pub use report::{Group, Report, Row};
pub use suite::{Ask, run};
