//! Constructor arguments of the official class. Settings with which its code cannot run are refused with the reason.

use serde_json::{Value, json};

use super::sensor;
use crate::base::{Error, Kind, Result};
use crate::checkpoint::StateDict;
use crate::models::settings::Settings;
use crate::models::trunk::{Names, Trunk};
use crate::models::{Fit, Network, Part, Protocol, Sizes, TilePolicy};
use crate::nn::Build;

/// How a prompt meets the features of a skip connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Convgate,
    PromptirGate,
    Cross,
    CrossTopm,
}

impl Mode {
    const ALL: [Mode; 4] = [Mode::Convgate, Mode::PromptirGate, Mode::Cross, Mode::CrossTopm];

    pub const fn name(self) -> &'static str {
        match self {
            Mode::Convgate => "convgate",
            Mode::PromptirGate => "promptir_gate",
            Mode::Cross => "pip_cross",
            Mode::CrossTopm => "pip_cross_topm",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub trunk: Trunk,
    /// Has no influence; kept so that a configuration survives a round trip.
    pub high_prompt_dim: u32,
    /// Channels and side of the prompts of levels 1 to 3.
    pub low_prompt_dims: [u32; 3],
    pub low_prompt_sizes: [u32; 3],
    pub mode: Mode,
    /// Degradation classes.
    pub degradation_num: u32,
    /// Whether the checkpoint brings a classifier of damage along; see [`sensor`].
    pub sensor: bool,
}

pub fn from_config(value: &Value, dict: &StateDict) -> Result<Box<dyn Network>> {
    let mut s = Settings::new(super::NAME, value)?;
    let mode = mode(&mut s)?;
    for (key, needed, why) in SWITCHES {
        if s.bool(key, needed)? != needed {
            return Err(impossible(&format!("{key} = {}", !needed), why));
        }
    }
    let config = Config {
        trunk: Trunk::parse(&mut s, &Names::RESTORMER)?,
        high_prompt_dim: s.u32("high_prompt_dim", 1)?,
        low_prompt_dims: s.numbers("low_prompt_dims", [64, 128, 320])?,
        low_prompt_sizes: s.numbers("low_prompt_sizes", [64, 32, 16])?,
        mode,
        degradation_num: s.u32("degradation_num", 5)?,
        sensor: sensor::present(dict),
    };
    let out = s.u32("out_channels", config.trunk.inp_channels)?;
    // Arguments of the class without any influence.
    for key in ["prompt_dim", "lin_dim"] {
        s.u32(key, 1)?;
    }
    s.finish()?;
    config.check(out)?;
    Ok(Box::new(config))
}

/// Switches of the constructor, the one position in which it runs, and what happens in the other.
const SWITCHES: [(&str, bool, &str); 6] = [
    ("decoder", true, "the prompt modules exist only with a decoder, and the forward pass calls them without asking"),
    ("use_detask_label", true, "the prompts are blended by the class label; without it there is nothing to blend by"),
    ("use_detask_prompt", true, "the prompts are blended by the class label; without them the label has no effect"),
    ("use_CLIP_prompt", false, "it needs text features of another program that no checkpoint contains"),
    ("use_SAM_prompt", false, "the official code has no implementation behind this switch"),
    ("use_degradation_sensor", false, "the official code raises an error at this switch"),
];

fn impossible(what: &str, why: &str) -> Error {
    Error::new(Kind::Checkpoint, format!("PIP cannot run with {what}")).why(why)
}

fn mode(s: &mut Settings<'_>) -> Result<Mode> {
    let name = s.text("prompt_interaction_mode", Mode::CrossTopm.name())?;
    if let Some(mode) = Mode::ALL.into_iter().find(|m| m.name() == name) {
        return Ok(mode);
    }
    let known = Mode::ALL.map(Mode::name).join(", ");
    let why = match name.as_str() {
        "promptir" => {
            "its transformer block takes one argument and is called with two, so that the official code stops"
        }
        _ => "there is no such mode",
    };
    Err(impossible(&format!("prompt_interaction_mode = {name}"), why).advice(format!("modes that run: {known}")))
}

impl Config {
    fn check(&self, out_channels: u32) -> Result<()> {
        if self.trunk.dim != 48 {
            return Err(impossible(
                &format!("dim = {}", self.trunk.dim),
                "widths of its decoder are written for dim 48",
            ));
        }
        if out_channels != self.trunk.inp_channels {
            let what = format!("out_channels = {out_channels} and inp_channels = {}", self.trunk.inp_channels);
            return Err(impossible(&what, "the output is added to the input"));
        }
        if let Some(odd) = self.low_prompt_dims.iter().find(|d| **d == 0 || *d % 2 != 0) {
            return Err(impossible(&format!("low_prompt_dims of {odd}"), "a prompt is attended to by two heads"));
        }
        if self.low_prompt_sizes.contains(&0) || self.degradation_num == 0 {
            return Err(impossible("empty prompts", "low_prompt_sizes and degradation_num must be at least 1"));
        }
        Ok(())
    }
}

impl Network for Config {
    fn family(&self) -> &'static str {
        super::NAME
    }

    fn config(&self) -> Value {
        let own = json!({
            "out_channels": self.trunk.inp_channels,
            "decoder": true,
            "use_detask_label": true,
            "use_detask_prompt": true,
            "use_CLIP_prompt": false,
            "use_SAM_prompt": false,
            "use_degradation_sensor": false,
            "high_prompt_dim": self.high_prompt_dim,
            "low_prompt_dims": self.low_prompt_dims,
            "prompt_interaction_mode": self.mode.name(),
            "degradation_num": self.degradation_num,
            "low_prompt_sizes": self.low_prompt_sizes,
        });
        self.trunk.config(&Names::RESTORMER, own)
    }

    fn sizes(&self) -> Sizes {
        Sizes { multiple: 8, least: 8, scale: 1, tiles: TilePolicy::GlobalStats }
    }

    /// The tester cuts pictures to multiples of 16.
    fn protocol(&self, _task: Option<&str>) -> Protocol {
        Protocol { fit: Fit::Centre(16), ..Protocol::padded(1) }
    }

    fn parts(&self) -> Vec<Part> {
        let (main, sensed) = (Part::main(1, 8, 8, Vec::new()), sensor::part(sensor::MULTIPLE, sensor::MULTIPLE));
        if self.sensor { vec![main, sensed] } else { vec![main] }
    }

    fn build(&self, b: &mut Build<'_>, part: &Part) -> Result<()> {
        match part.name {
            sensor::NAME => sensor::build(b, part, self.trunk.inp_channels, self.degradation_num),
            _ => super::net::build(self, b, part),
        }
    }
}
