//! Instruct-IPT: one network for several tasks, each a low-rank change of the weights. Any family can be the carrier;
//! what follows here knows nothing of its layers. Merged, the weights of a task are built on the device when the task
//! changes; fused, every image carries the factors of its tasks and nothing is rebuilt.

mod attach;
mod carrier;
mod config;

pub use attach::attach;
pub use carrier::{carries, detect};
pub use config::{InstructIpt, Way, from_config};

pub const NAME: &str = "instruct-ipt";
