//! The UNet of latent diffusion and Stable Diffusion (Rombach et al. 2022), with a switch of attention for each level.

mod attention;
mod blocks;
mod config;
mod detect;
mod layout;
mod net;

pub use attention::{CrossAttention, cross_attentions, project_context};
pub use config::{Attention, Config, from_config};
pub use detect::{attention_of, detect};
pub use layout::Layout;
pub use net::{body, time_features};

pub const NAME: &str = "ldm-unet";

/// The graph that turns a context into the keys and values of every cross-attention: once a prompt, not once a step.
pub const CONTEXT: &str = "context";
