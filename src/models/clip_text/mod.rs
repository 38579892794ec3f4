//! The text towers of CLIP (Radford et al. 2021) and OpenCLIP: token ids to the context of the diffusion UNet.

mod config;
mod detect;
mod embed;
mod layout;
mod net;

pub use config::{Config, Output, from_config};
pub use detect::detect;
pub use embed::{embed, pool};
pub use layout::Layout;
pub use net::tower;

pub const NAME: &str = "clip-text";
