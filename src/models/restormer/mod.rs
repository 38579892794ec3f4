//! Restormer (Zamir et al. 2022), official class `Restormer`.

mod config;
mod detect;
mod net;

pub use config::{Config, from_config, norm_kind, norm_name};
pub use detect::{axis, children, detect, ffn_factor, norm_type};
pub use net::block;

pub const NAME: &str = "restormer";
