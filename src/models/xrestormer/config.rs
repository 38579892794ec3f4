//! Constructor arguments of the official class.

use serde_json::{Value, json};

use crate::base::Result;
use crate::checkpoint::StateDict;
use crate::models::settings::Settings;
use crate::models::trunk::{Names, Trunk};
use crate::models::{Network, Part, Sizes, TilePolicy};
use crate::nn::Build;

/// What differs from Restormer's names.
pub const NAMES: Names =
    Names { heads: "channel_heads", attention: "channel_attn", ffn: "channel_ffn", ..Names::RESTORMER };

#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub trunk: Trunk,
    pub out_channels: u32,
    pub spatial_heads: [u32; 4],
    pub overlap_ratio: [f64; 4],
    pub window_size: u32,
    pub spatial_dim_head: u32,
    pub scale: u32,
}

impl Config {
    pub fn parse(value: &Value) -> Result<Config> {
        let mut s = Settings::new(super::NAME, value)?;
        let config = Config {
            trunk: Trunk::parse(&mut s, &NAMES)?,
            out_channels: s.u32("out_channels", 3)?,
            spatial_heads: s.numbers("spatial_heads", [2, 2, 3, 4])?,
            overlap_ratio: s.reals("overlap_ratio", [0.5; 4])?,
            window_size: s.u32("window_size", 8)?,
            spatial_dim_head: s.u32("spatial_dim_head", 16)?,
            scale: s.u32("scale", 1)?.max(1),
        };
        // Accepted and ignored, as in the official class.
        s.bool("dual_pixel_task", false)?;
        s.finish()?;
        Ok(config)
    }
}

pub fn from_config(value: &Value, _: &StateDict) -> Result<Box<dyn Network>> {
    Ok(Box::new(Config::parse(value)?))
}

impl Network for Config {
    fn family(&self) -> &'static str {
        super::NAME
    }

    fn config(&self) -> Value {
        let own = json!({
            "out_channels": self.out_channels,
            "spatial_heads": self.spatial_heads,
            "overlap_ratio": self.overlap_ratio,
            "window_size": self.window_size,
            "spatial_dim_head": self.spatial_dim_head,
            "dual_pixel_task": false,
            "scale": self.scale,
        });
        self.trunk.config(&NAMES, own)
    }

    fn sizes(&self) -> Sizes {
        // The enlarged picture must be whole windows at an eighth of its size.
        let multiple = 8 * self.window_size;
        let multiple = multiple / gcd(multiple, self.scale);
        Sizes { multiple, least: multiple, scale: self.scale, tiles: TilePolicy::GlobalStats }
    }

    fn build(&self, b: &mut Build<'_>, part: &Part) -> Result<()> {
        super::net::build(self, b, part)
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
