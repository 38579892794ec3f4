//! The named tolerances of whole results, for tests that compare networks and pictures; those of kernels are in compare.rs.
// Every test binary uses some of them.
#![allow(dead_code)]

/// Relative L2 between a network in f32 and the official code.
pub const NETWORK: f64 = 1e-4;
/// Relative L2 between two ways to compute one network in f32, such as task weights merged or beside it.
pub const SAME: f64 = 1e-5;
/// Relative L2 that folding constants into one block costs in f32.
pub const FOLDED: f64 = 2e-6;
/// Relative L2 that asking for a tap, and so fusing less, costs in f32.
pub const TAPPED: f64 = 1e-6;
/// Relative L2 of whole networks with f16 storage, random weights included.
pub const HALVES: f64 = 2e-2;
/// Largest difference of two pictures of 0..1 that should be equal: a fortieth of an 8-bit step.
pub const PICTURE: f32 = 1e-4;
/// Largest difference of two weights that sum to 1 with others.
pub const SHARE: f32 = 1e-4;
