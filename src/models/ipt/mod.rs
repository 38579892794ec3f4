//! IPT (Chen et al. 2021, "Pre-Trained Image Processing Transformer"), official class `ipt`: a head and a tail for each
//! task around one transformer over patches. The network takes squares of one size only; pictures are cut into
//! overlapping tiles by `run::chop`.

mod body;
mod config;
mod detect;
mod net;

pub use config::{Config, from_config};
pub use detect::detect;

pub const NAME: &str = "ipt";
