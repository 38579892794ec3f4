//! What all test binaries share. Each uses a part of it.
#![allow(dead_code)]

pub mod case;
pub mod compare;
pub mod distances;
pub mod fake;
pub mod generalist;
pub mod generator;
pub mod gpu;
pub mod layout;
pub mod nets;
pub mod run;
pub mod stored;
