//! PIP (Li et al. 2023, "Prompt-In-Prompt Learning for Universal Image Restoration"), official class
//! `PIPNet_Restormer_onskip_inter`: Restormer whose skip connections pass through prompts of the degradation.

mod config;
mod cross;
mod detect;
mod interaction;
mod net;
mod prompt;
pub mod sensor;

pub use config::{Config, Mode, from_config};
pub use detect::detect;

pub const NAME: &str = "pip";

/// What the classes of the published checkpoint restore, in the order of its weights.
pub const TASKS: [&str; 5] = ["denoise", "derain", "dehaze", "deblur", "lowlight"];
