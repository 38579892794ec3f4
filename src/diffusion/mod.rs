//! Floor 1: diffusion on the host. Everything between two calls of the network is scalars and small arrays: the noise
//! schedule, the DDIM update, seeded noise, and the codecs that turn the final picture into depth, labels or instances.
//!
//! The network itself is a callback, so that the pipeline on the GPU and the analytic denoisers of the conformance
//! cases run the same loop. All arithmetic is f64: a target of 128 x 128 x 3 costs the host nothing beside one pass of
//! the network, and the trajectory is then limited by the network alone.

pub mod codecs;
pub mod ddim;
pub mod noise;
pub mod schedule;
pub mod settings;

pub use ddim::{Denoise, Finished, Fresh, Moment, Sampler, Watch};
pub use noise::{Gaussian, gaussian};
pub use schedule::{Schedule, Step};
pub use settings::Settings;
