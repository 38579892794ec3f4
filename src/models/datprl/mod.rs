//! DATPRL-IR, dual prompt pools: `DualPromptRestormerv3`, `DualPromptRestormerv3_only_task_prompt` and
//! `DualPromptNAFNetv3`. A picture chooses its own prompts by queries taken inside the encoder.
//!
//! Graphs: `main` computes all in one go; with `part.extra = [1]` it takes the composed prompt as its input `prompt`
//! instead, so that tiles of one picture can share it. [`QUERY`] yields the queries of a picture, [`SELECT`] turns queries
//! into the prompt.

mod config;
mod detect;
pub mod fusion;
mod naf;
mod net;
pub mod pool;
mod restormer;

pub use config::{Backbone, Class, Config, from_config};
pub use detect::detect;
pub use net::{DEGRADATION, DOMAIN, QUERY, SELECT, main_with_prompt, query_part, select_part};

pub const NAME: &str = "datprl";
