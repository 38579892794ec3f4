//! GenLV / VPIP (Chen et al. 2024, "Learning A Low-Level Vision Generalist via Visual Task Prompt"), official classes
//! `XRestormer_Prompt_SpatCrossAttn` and, without prompts, the `XRestormer` of its extended edition.

mod config;
mod detect;
mod net;
mod prompt_encoder;

pub use config::{Config, PROMPT, from_config, prompt_part};
pub use detect::detect;

pub const NAME: &str = "genlv";
