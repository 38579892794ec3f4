//! The families: conformance cases against the official code, detection from keys and shapes, and what is refused.

#[path = "../reference/mod.rs"]
mod reference;
#[path = "../support/mod.rs"]
mod support;

mod conformance;
mod detection;
mod levels;
mod refusal;
mod taps;
