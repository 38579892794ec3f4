//! Constructor arguments of the official classes.

use serde_json::{Value, json};

use crate::base::Result;
use crate::checkpoint::StateDict;
use crate::models::keys::axis;
use crate::models::settings::Settings;
use crate::models::trunk::{Names, Trunk};
use crate::models::{Filter, Fit, MAIN, Network, Part, Protocol, Sizes, TilePolicy, no_such_part};
use crate::nn::Build;

/// What differs from Restormer's names.
pub const NAMES: Names = Names {
    num_blocks: [2, 4, 4, 4],
    latent: "latent_blocks",
    attention: "channel_attn",
    ffn: "channel_ffn",
    ..Names::RESTORMER
};

#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub trunk: Trunk,
    pub out_channels: u32,
    pub window_size: u32,
    /// Width of the prompt encoder; `None` for the class without prompts.
    pub prompt_encoder_nf: Option<u32>,
}

pub const WITH_PROMPT: &str = "XRestormer_Prompt_SpatCrossAttn";
pub const WITHOUT_PROMPT: &str = "XRestormer";

pub fn from_config(value: &Value, dict: &StateDict) -> Result<Box<dyn Network>> {
    let mut s = Settings::new(super::NAME, value)?;
    // The extended edition leaves the encoder's width out of its configuration; the checkpoint tells it.
    let stored = axis(dict, super::prompt_encoder::FIRST, 0).map(|nf| nf as u32);
    let class = s.text("class", if stored.is_some() { WITH_PROMPT } else { WITHOUT_PROMPT })?;
    if class != WITH_PROMPT && class != WITHOUT_PROMPT {
        s.only("class", &json!(WITH_PROMPT))?;
    }
    let nf = s.u32("prompt_encoder_nf", stored.unwrap_or(32))?;
    let config = Config {
        trunk: Trunk::parse(&mut s, &NAMES)?,
        out_channels: s.u32("out_channels", 3)?,
        window_size: s.u32("window_size", 8)?,
        prompt_encoder_nf: (class == WITH_PROMPT).then_some(nf),
    };
    s.finish()?;
    Ok(Box::new(config))
}

impl Network for Config {
    fn family(&self) -> &'static str {
        super::NAME
    }

    fn config(&self) -> Value {
        let mut own = json!({
            "out_channels": self.out_channels,
            "window_size": self.window_size,
            "class": if self.prompt_encoder_nf.is_some() { WITH_PROMPT } else { WITHOUT_PROMPT },
        });
        if let Some(nf) = self.prompt_encoder_nf {
            own["prompt_encoder_nf"] = json!(nf);
        }
        self.trunk.config(&NAMES, own)
    }

    fn sizes(&self) -> Sizes {
        // The deepest windows lie at a quarter of the size; the latent level has none.
        let multiple = 4 * self.window_size;
        Sizes { multiple, least: multiple, scale: 1, tiles: TilePolicy::GlobalStats }
    }

    /// `inference.py` of both editions; the narrow prompt encoder is the extended edition's.
    fn protocol(&self, _task: Option<&str>) -> Protocol {
        let extended = self.prompt_encoder_nf == Some(32);
        let filter = if extended { Filter::CubicOrArea } else { Filter::Bilinear };
        Protocol { fit: Fit::Square(256, filter), pad: 1, truncate: true }
    }

    fn prompt_width(&self) -> u32 {
        self.prompt_encoder_nf.map_or(0, |_| 8 * self.trunk.dim)
    }

    fn parts(&self) -> Vec<Part> {
        let least = self.sizes().least;
        match self.prompt_encoder_nf {
            Some(_) => vec![Part::main(1, least, least, vec![1, 1]), prompt_part(1, 8, 8)],
            None => vec![Part::main(1, least, least, Vec::new())],
        }
    }

    fn build(&self, b: &mut Build<'_>, part: &Part) -> Result<()> {
        match (part.name, self.prompt_encoder_nf) {
            (MAIN, _) => super::net::build(self, b, part),
            (PROMPT, Some(nf)) => super::prompt_encoder::build(self, nf, b, part),
            _ => Err(no_such_part(super::NAME, part)),
        }
    }
}

/// The prompt encoder.
pub const PROMPT: &str = "prompt";

/// The prompt encoder for one of the two pictures of an example pair.
pub fn prompt_part(n: u32, h: u32, w: u32) -> Part {
    Part { name: PROMPT, n, h, w, extra: Vec::new() }
}
