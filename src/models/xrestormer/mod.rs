//! X-Restormer (Chen et al. 2023), official class `XRestormer`.

mod config;
mod detect;
mod net;

pub use config::{Config, from_config};
pub use detect::{detect, query_window, window_shape};
pub use net::block;

pub const NAME: &str = "xrestormer";
