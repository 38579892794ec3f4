//! What a task means in pixels: every dense task is drawn as an RGB picture, and read back from one.
//!
//! Pictures to decode are interleaved RGB in 0..255 as floats, as [`rgb::from_planes`] makes them; values outside are
//! clamped. Pictures to encode come out as interleaved bytes.

pub mod depth;
pub mod instance;
pub mod palette;
pub mod panoptic;
pub mod rgb;
pub mod semantic;
pub mod task;

pub use palette::Palette;
pub use task::{Codec, Task};
