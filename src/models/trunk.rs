//! What Restormer and the networks built on it share: constructor arguments, how checkpoints show them, the levels.

use serde_json::{Value, json};

use super::keys::{axis, children};
use super::settings::Settings;
use crate::base::Result;
use crate::checkpoint::StateDict;
use crate::nn::NormKind;
use crate::nn::unet_levels::Levels;

/// Arguments that the official classes have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct Trunk {
    pub inp_channels: u32,
    pub dim: u32,
    /// Blocks of the three encoder levels, each as many as of its decoder level, and of the latent level.
    pub num_blocks: [u32; 4],
    pub num_refinement_blocks: u32,
    /// Heads of the channel attention of each level.
    pub heads: [u32; 4],
    pub ffn_expansion_factor: f64,
    pub bias: bool,
    pub norm: NormKind,
}

/// How a family calls its parts.
pub struct Names {
    /// The argument that holds [`Trunk::heads`].
    pub heads: &'static str,
    pub num_blocks: [u32; 4],
    pub latent: &'static str,
    /// Modules of a block.
    pub attention: &'static str,
    pub ffn: &'static str,
}

impl Names {
    pub const RESTORMER: Names =
        Names { heads: "heads", num_blocks: [4, 6, 6, 8], latent: "latent", attention: "attn", ffn: "ffn" };

    fn stages(&self) -> [&'static str; 4] {
        ["encoder_level1", "encoder_level2", "encoder_level3", self.latent]
    }
}

impl Trunk {
    pub fn parse(s: &mut Settings<'_>, names: &Names) -> Result<Trunk> {
        Ok(Trunk {
            inp_channels: s.u32("inp_channels", 3)?,
            dim: s.u32("dim", 48)?,
            num_blocks: s.numbers("num_blocks", names.num_blocks)?,
            num_refinement_blocks: s.u32("num_refinement_blocks", 4)?,
            heads: s.numbers(names.heads, [1, 2, 4, 8])?,
            ffn_expansion_factor: s.f64("ffn_expansion_factor", 2.66)?,
            bias: s.bool("bias", false)?,
            norm: norm_kind(s)?,
        })
    }

    /// The arguments with those of the family itself.
    pub fn config(&self, names: &Names, own: Value) -> Value {
        let shared = json!({
            "inp_channels": self.inp_channels,
            "dim": self.dim,
            "num_blocks": self.num_blocks,
            "num_refinement_blocks": self.num_refinement_blocks,
            names.heads: self.heads,
            "ffn_expansion_factor": self.ffn_expansion_factor,
            "bias": self.bias,
            "LayerNorm_type": norm_name(self.norm),
        });
        joined(shared, own)
    }

    pub fn levels(&self, names: &Names) -> Levels {
        let encoder = self.num_blocks.map(|n| n as usize);
        Levels {
            dim: self.dim,
            encoder,
            decoder: [encoder[0], encoder[1], encoder[2]],
            refinement: self.num_refinement_blocks as usize,
            bias: self.bias,
            latent: names.latent,
        }
    }
}

/// The shared arguments that keys and shapes show, with the family's own; `None` where they show none.
pub fn detect(dict: &StateDict, names: &Names, own: Value) -> Option<Value> {
    let stages = names.stages();
    let temperature = |s: &&str| axis(dict, &format!("{s}.0.{}.temperature", names.attention), 0);
    let shared = json!({
        "inp_channels": axis(dict, "patch_embed.proj.weight", 1)?,
        "dim": axis(dict, "patch_embed.proj.weight", 0)?,
        "num_blocks": stages.map(|s| children(dict, s)),
        "num_refinement_blocks": children(dict, "refinement"),
        names.heads: stages.iter().map(temperature).collect::<Option<Vec<u64>>>()?,
        "ffn_expansion_factor": ffn_factor(dict, &format!("encoder_level1.0.{}.project_in.weight", names.ffn))?,
        "bias": dict.contains(&format!("encoder_level1.0.{}.qkv.bias", names.attention)),
        "LayerNorm_type": norm_type(dict),
    });
    Some(joined(shared, own))
}

fn joined(mut shared: Value, own: Value) -> Value {
    if let (Value::Object(all), Value::Object(own)) = (&mut shared, own) {
        all.extend(own);
    }
    shared
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

/// `LayerNorm_type`: whether the norms have a bias.
pub fn norm_type(dict: &StateDict) -> &'static str {
    if dict.contains("encoder_level1.0.norm1.body.bias") { "WithBias" } else { "BiasFree" }
}

/// The expansion factor whose hidden width `int(C * factor)` the shapes show; 2.66 where it fits.
pub fn ffn_factor(dict: &StateDict, project_in: &str) -> Option<f64> {
    let (hidden, c) = (axis(dict, project_in, 0)? / 2, axis(dict, project_in, 1)?);
    let fits = |f: f64| (c as f64 * f) as u64 == hidden;
    [2.66, 2.0, 4.0].into_iter().find(|f| fits(*f)).or(Some((hidden as f64 + 0.5) / c as f64))
}
