//! The graph executor: what fuses, that fusing changes nothing, that memory is pooled well, and that a replay only
//! replays; and the families that tuning and the benchmark compare.

#[path = "../reference/mod.rs"]
mod reference;
#[path = "../support/mod.rs"]
mod support;

mod equality;
mod fusion;
mod gate;
mod memory;
mod replay;
mod shapes;
mod split;
mod taps;
mod tuning;
