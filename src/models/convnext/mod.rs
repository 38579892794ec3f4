//! ConvNeXt (Liu et al. 2022, "A ConvNet for the 2020s") without its classifier: the four stage outputs.

mod config;
mod detect;
mod layout;
mod net;

pub use config::{Config, from_config};
pub use detect::detect;
pub use layout::Layout;
pub use net::{STAGE_NAMES, stages};

pub const NAME: &str = "convnext";
