//! Restormer (Zamir et al. 2022), official class `Restormer`.

mod config;
mod detect;
mod net;

pub use config::{Config, from_config};
pub use detect::detect;
pub use net::block;

pub const NAME: &str = "restormer";
