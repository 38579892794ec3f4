//! Constructor arguments of the official class.

use serde_json::{Value, json};

use crate::base::{Error, Kind, Result};
use crate::checkpoint::StateDict;
use crate::models::restormer::{norm_kind, norm_name};
use crate::models::settings::Settings;
use crate::models::{Network, Part, Sizes, TilePolicy};
use crate::nn::{Build, NormKind};

#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub inp_channels: u32,
    pub out_channels: u32,
    pub dim: u32,
    pub num_blocks: [u32; 4],
    pub num_refinement_blocks: u32,
    pub channel_heads: [u32; 4],
    pub spatial_heads: [u32; 4],
    pub overlap_ratio: [f64; 4],
    pub window_size: u32,
    pub spatial_dim_head: u32,
    pub bias: bool,
    pub ffn_expansion_factor: f64,
    pub norm: NormKind,
    pub scale: u32,
}

impl Config {
    pub fn parse(value: &Value) -> Result<Config> {
        let mut s = Settings::new(super::NAME, value)?;
        let ratio = match s.get("overlap_ratio") {
            None => [0.5; 4],
            Some(v) => v
                .as_array()
                .and_then(|a| a.iter().map(Value::as_f64).collect::<Option<Vec<f64>>>()?.try_into().ok())
                .ok_or_else(|| {
                    Error::new(Kind::Checkpoint, "the configuration key overlap_ratio of xrestormer is wrong")
                        .why(format!("expected 4 numbers, got {v}"))
                })?,
        };
        let config = Config {
            inp_channels: s.u32("inp_channels", 3)?,
            out_channels: s.u32("out_channels", 3)?,
            dim: s.u32("dim", 48)?,
            num_blocks: s.numbers("num_blocks", [4, 6, 6, 8])?,
            num_refinement_blocks: s.u32("num_refinement_blocks", 4)?,
            channel_heads: s.numbers("channel_heads", [1, 2, 4, 8])?,
            spatial_heads: s.numbers("spatial_heads", [2, 2, 3, 4])?,
            overlap_ratio: ratio,
            window_size: s.u32("window_size", 8)?,
            spatial_dim_head: s.u32("spatial_dim_head", 16)?,
            bias: s.bool("bias", false)?,
            ffn_expansion_factor: s.f64("ffn_expansion_factor", 2.66)?,
            norm: norm_kind(&mut s)?,
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
        json!({
            "inp_channels": self.inp_channels,
            "out_channels": self.out_channels,
            "dim": self.dim,
            "num_blocks": self.num_blocks,
            "num_refinement_blocks": self.num_refinement_blocks,
            "channel_heads": self.channel_heads,
            "spatial_heads": self.spatial_heads,
            "overlap_ratio": self.overlap_ratio,
            "window_size": self.window_size,
            "spatial_dim_head": self.spatial_dim_head,
            "bias": self.bias,
            "ffn_expansion_factor": self.ffn_expansion_factor,
            "LayerNorm_type": norm_name(self.norm),
            "dual_pixel_task": false,
            "scale": self.scale,
        })
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
