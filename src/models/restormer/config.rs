//! Constructor arguments of the official class.

use serde_json::{Value, json};

use crate::base::Result;
use crate::checkpoint::StateDict;
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
    pub heads: [u32; 4],
    pub ffn_expansion_factor: f64,
    pub bias: bool,
    pub norm: NormKind,
    pub dual_pixel_task: bool,
}

/// Reads `LayerNorm_type`.
pub fn norm_kind(s: &mut Settings<'_>) -> Result<NormKind> {
    match s.text("LayerNorm_type", "WithBias")?.as_str() {
        "BiasFree" => Ok(NormKind::BiasFree),
        "WithBias" => Ok(NormKind::WithBias),
        _ => s.only("LayerNorm_type", &json!("WithBias or BiasFree")).map(|()| NormKind::WithBias),
    }
}

pub fn norm_name(kind: NormKind) -> &'static str {
    match kind {
        NormKind::WithBias => "WithBias",
        NormKind::BiasFree => "BiasFree",
    }
}

impl Config {
    pub fn parse(value: &Value) -> Result<Config> {
        let mut s = Settings::new(super::NAME, value)?;
        let config = Config {
            inp_channels: s.u32("inp_channels", 3)?,
            out_channels: s.u32("out_channels", 3)?,
            dim: s.u32("dim", 48)?,
            num_blocks: s.numbers("num_blocks", [4, 6, 6, 8])?,
            num_refinement_blocks: s.u32("num_refinement_blocks", 4)?,
            heads: s.numbers("heads", [1, 2, 4, 8])?,
            ffn_expansion_factor: s.f64("ffn_expansion_factor", 2.66)?,
            bias: s.bool("bias", false)?,
            norm: norm_kind(&mut s)?,
            dual_pixel_task: s.bool("dual_pixel_task", false)?,
        };
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
            "heads": self.heads,
            "ffn_expansion_factor": self.ffn_expansion_factor,
            "bias": self.bias,
            "LayerNorm_type": norm_name(self.norm),
            "dual_pixel_task": self.dual_pixel_task,
        })
    }

    fn sizes(&self) -> Sizes {
        Sizes { multiple: 8, least: 8, scale: 1, tiles: TilePolicy::GlobalStats }
    }

    fn build(&self, b: &mut Build<'_>, part: &Part) -> Result<()> {
        super::net::build(self, b, part)
    }
}
