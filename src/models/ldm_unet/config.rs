//! What the checkpoint of a UNet says about it.

use serde_json::{Value, json};

use super::{CONTEXT, Layout, attention_of};
use crate::base::{Error, Kind, Result, Shape};
use crate::checkpoint::StateDict;
use crate::models::settings::Settings;
use crate::models::{MAIN, Network, Part, Sizes, TilePolicy, no_such_part};
use crate::nn::Build;
use crate::nn::layers::Conv;

/// The transformers of one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attention {
    /// No transformer at all.
    None,
    /// Cross-attention and feed-forward only: the text enters, pixels do not see each other.
    Cross,
    SelfCross,
}

impl Attention {
    const NAMES: [(&'static str, Attention); 3] =
        [("none", Attention::None), ("cross", Attention::Cross), ("self+cross", Attention::SelfCross)];

    pub fn name(self) -> &'static str {
        Attention::NAMES.iter().find(|(_, a)| *a == self).map_or("none", |(n, _)| n)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub layout: Layout,
    pub in_channels: u32,
    pub out_channels: u32,
    pub block_out_channels: Vec<u32>,
    pub layers_per_block: u32,
    pub attention: Vec<Attention>,
    /// Heads of each level.
    pub num_heads: Vec<u32>,
    pub cross_attention_dim: u32,
    pub transformer_depth: u32,
    pub use_linear_projection: bool,
    pub norm_num_groups: u32,
    pub norm_eps: f64,
    pub transformer_norm_eps: f64,
    pub layer_norm_eps: f64,
    pub flip_sin_to_cos: bool,
    pub freq_shift: f64,
    pub time_embed_dim: u32,
}

impl Config {
    /// `dict` holds the UNet alone, in its own layout; it decides where the configuration leaves attention open.
    pub fn parse(value: &Value, dict: &StateDict) -> Result<Config> {
        let mut s = Settings::new(super::NAME, value)?;
        let layout = match s.text("layout", "diffusers")?.as_str() {
            "diffusers" => Layout::Diffusers,
            "compvis" => Layout::CompVis,
            _ => s.only("layout", &json!("diffusers or compvis")).map(|()| Layout::Diffusers)?,
        };
        for (key, only) in [
            ("mid_attention", json!("self+cross")),
            ("act", json!("silu")),
            ("ff_act", json!("geglu_erf")),
            ("ff_mult", json!(4)),
            ("downsample", json!("conv3x3 stride 2 padding 1")),
            ("upsample", json!("nearest 2x (or to the skip's size) then conv3x3")),
        ] {
            s.only(key, &only)?;
        }
        let block_out_channels = s.list("block_out_channels", &[320, 640, 1280, 1280])?;
        let levels = block_out_channels.len();
        let stored = attention_of(&layout.canonical(dict)?, levels);
        let attention = match s.get("attention") {
            None => stored.clone(),
            Some(v) => parse_attention(v)?,
        };
        let num_heads = match s.get("num_heads") {
            Some(Value::Array(_)) => s.list("num_heads", &[])?,
            _ => vec![s.u32("num_heads", 8)?; levels],
        };
        let time = 4 * block_out_channels.first().copied().unwrap_or(0);
        let config = Config {
            layout,
            in_channels: s.u32("in_channels", 4)?,
            out_channels: s.u32("out_channels", 4)?,
            layers_per_block: s.u32("layers_per_block", 2)?,
            attention,
            num_heads,
            cross_attention_dim: s.u32("cross_attention_dim", 768)?,
            transformer_depth: s.u32("transformer_depth", 1)?,
            use_linear_projection: s.bool("use_linear_projection", false)?,
            norm_num_groups: s.u32("norm_num_groups", 32)?,
            norm_eps: s.f64("norm_eps", 1e-5)?,
            transformer_norm_eps: s.f64("transformer_norm_eps", 1e-6)?,
            layer_norm_eps: s.f64("layer_norm_eps", 1e-5)?,
            flip_sin_to_cos: s.bool("flip_sin_to_cos", true)?,
            freq_shift: s.f64("freq_shift", 0.0)?,
            time_embed_dim: s.u32("time_embed_dim", time)?,
            block_out_channels,
        };
        s.finish()?;
        config.check(&stored, dict)
    }

    fn check(self, stored: &[Attention], dict: &StateDict) -> Result<Config> {
        let levels = self.block_out_channels.len();
        let bad = |why: String| Err(Error::new(Kind::Checkpoint, "the configuration of ldm-unet is wrong").why(why));
        if levels == 0 || self.attention.len() != levels || self.num_heads.len() != levels {
            return bad(format!(
                "{levels} levels, {} entries in attention, {} in num_heads",
                self.attention.len(),
                self.num_heads.len()
            ));
        }
        if let Some(c) = self.block_out_channels.iter().find(|c| !c.is_multiple_of(2) || **c == 0) {
            return bad(format!("a level has {c} channels"));
        }
        if self.attention != stored && Layout::detect(dict).is_none() {
            let keys: Vec<&str> = dict.keys().take(3).collect();
            let what = format!("the tensors of {} have no UNet's names", dict.name());
            return Err(Error::new(Kind::Checkpoint, what)
                .why(format!("its keys begin with {}", keys.join(", ")))
                .advice("names of diffusers or CompVis are understood; a prefix of one's own must come off"));
        }
        if self.attention != stored {
            let names = |list: &[Attention]| list.iter().map(|a| a.name()).collect::<Vec<_>>().join(", ");
            return Err(Error::new(
                Kind::Checkpoint,
                format!("the tensors of {} contradict its attention", dict.name()),
            )
            .why(format!("expected {}, got {}", names(&self.attention), names(stored)))
            .advice("correct `attention` in the configuration, or leave it out to follow the tensors"));
        }
        Ok(self)
    }

    pub fn levels(&self) -> usize {
        self.block_out_channels.len()
    }

    pub fn to_json(&self) -> Value {
        json!({
            "layout": self.layout.name(),
            "in_channels": self.in_channels,
            "out_channels": self.out_channels,
            "block_out_channels": self.block_out_channels,
            "layers_per_block": self.layers_per_block,
            "attention": self.attention.iter().map(|a| a.name()).collect::<Vec<_>>(),
            "num_heads": self.num_heads,
            "cross_attention_dim": self.cross_attention_dim,
            "transformer_depth": self.transformer_depth,
            "use_linear_projection": self.use_linear_projection,
            "norm_num_groups": self.norm_num_groups,
            "norm_eps": self.norm_eps,
            "transformer_norm_eps": self.transformer_norm_eps,
            "layer_norm_eps": self.layer_norm_eps,
            "flip_sin_to_cos": self.flip_sin_to_cos,
            "freq_shift": self.freq_shift,
            "time_embed_dim": self.time_embed_dim,
        })
    }
}

fn parse_attention(value: &Value) -> Result<Vec<Attention>> {
    let bad = |why: String| {
        Error::new(Kind::Checkpoint, "the configuration key attention of ldm-unet is wrong")
            .why(why)
            .advice(Attention::NAMES.map(|(name, _)| name).join(", "))
    };
    let list = value.as_array().ok_or_else(|| bad(format!("expected a list, got {value}")))?;
    let one = |v: &Value| {
        let found = Attention::NAMES.iter().find(|(name, _)| v.as_str() == Some(name));
        found.map(|(_, a)| *a).ok_or_else(|| bad(format!("got {v}")))
    };
    list.iter().map(one).collect()
}

pub fn from_config(value: &Value, dict: &StateDict) -> Result<Box<dyn Network>> {
    Ok(Box::new(Config::parse(value, dict)?))
}

impl Network for Config {
    fn family(&self) -> &'static str {
        super::NAME
    }

    fn config(&self) -> Value {
        self.to_json()
    }

    fn sizes(&self) -> Sizes {
        Sizes { multiple: 1, least: 1, scale: 1, tiles: TilePolicy::GlobalStats }
    }

    fn parts(&self) -> Vec<Part> {
        let context = Part { name: CONTEXT, n: 1, h: 1, w: 1, extra: Vec::new() };
        vec![Part::main(1, 8, 8, vec![1]), context]
    }

    fn canonical(&self, dict: &StateDict) -> Result<StateDict> {
        self.layout.canonical(dict)
    }

    /// `main`: inputs `input`, `time`, keys and values of `part.extra[0]` context tokens; output `output`.
    /// `context`: input `context` of `part.w` tokens; outputs those keys and values.
    fn build(&self, b: &mut Build<'_>, part: &Part) -> Result<()> {
        match (part.name, &part.extra[..]) {
            (MAIN, [tokens]) => {
                let x = b.graph.input("input", Shape::new(part.n, part.h, part.w, self.in_channels));
                let x = b.conv("conv_in", x, Conv::same(self.block_out_channels[0], 3, true))?;
                let y = super::body(self, b, "", x, *tokens)?;
                b.graph.output("output", y);
                Ok(())
            }
            (CONTEXT, _) => {
                let x = b.graph.input("context", Shape::new(part.n, 1, part.w, self.cross_attention_dim));
                super::project_context(self, b, "", x)
            }
            _ => Err(no_such_part(super::NAME, part)),
        }
    }
}
