//! NAFNet (Chen et al. 2022, "Simple Baselines for Image Restoration"), official classes `NAFNet` and `NAFNetLocal`
//! (TLC, local average pools at test time).

mod config;
mod detect;
mod net;

pub use config::{Config, from_config};
pub use detect::detect;
pub use net::{Pool, block_with};

pub const NAME: &str = "nafnet";
