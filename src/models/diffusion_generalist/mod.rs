//! The pixel-space diffusion generalist ("Toward a Diffusion-Based Generalist for Dense Vision Tasks"): ConvNeXt
//! features of the photograph beside the noised target, a UNet told its task in words.

mod config;
mod net;

pub use config::{Config, detect, from_config};
pub use net::{FEATURES, features_part, step_part, text_part};

pub const NAME: &str = "diffusion-generalist";

/// The prefixes of the three networks in one file.
pub const IMAGE_ENCODER: &str = "image_encoder.";
pub const TEXT_ENCODER: &str = "text_encoder.";
pub const UNET: &str = "unet.";

/// The channels of the noised target and of the result.
pub const TARGET: u32 = 3;
