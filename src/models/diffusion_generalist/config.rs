//! The configuration block of a generalist's file: metadata key `config`.

use serde_json::{Value, json};

use super::{IMAGE_ENCODER, TARGET, TEXT_ENCODER, UNET};
use crate::base::{Error, Kind, Result};
use crate::checkpoint::StateDict;
use crate::diffusion::Sampler;
use crate::diffusion::codecs::task::Task;
use crate::models::settings::Settings;
use crate::models::{MAIN, Network, Part, Sizes, TilePolicy, clip_text, convnext, ldm_unet, no_such_part};
use crate::nn::Build;

#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub image: convnext::Config,
    pub text: clip_text::Config,
    pub unet: ldm_unet::Config,
    /// Height and width of the target the network draws, and of the photograph it looks at.
    pub target_size: [u32; 2],
    pub cond_size: [u32; 2],
    /// The sampler's block, read by `crate::diffusion` and checked here.
    pub diffusion: Value,
    /// What the checkpoint can be told, by name; likewise.
    pub tasks: Value,
}

/// The metadata key of the published format.
const METADATA: &str = "config";

/// The published metadata, or what the shapes of the three networks show: how they were trained to be sampled and what
/// they can be told leave no trace.
pub fn detect(dict: &StateDict) -> Option<Value> {
    if let Some(text) = dict.metadata().get(METADATA) {
        let config: Value = serde_json::from_str(text).ok()?;
        return (config.get("family")?.as_str()? == super::NAME).then_some(config);
    }
    Some(json!({
        "image_encoder": convnext::detect(&dict.under(IMAGE_ENCODER))?,
        "text_encoder": clip_text::detect(&dict.under(TEXT_ENCODER))?,
        "unet": ldm_unet::detect(&dict.under(UNET))?,
        "diffusion": null,
        "tasks": null,
    }))
}

fn block<'a>(s: &mut Settings<'a>, key: &'static str) -> Result<&'a Value> {
    s.get(key).ok_or_else(|| {
        Error::new(Kind::Checkpoint, format!("the configuration of {} has no {key}", super::NAME))
            .advice("every part of the model has a block of its own")
    })
}

/// Pixels a side that a generalist may see or draw at most: more is a damaged configuration.
const MOST_SIDE: u32 = 4096;

impl Config {
    pub fn parse(value: &Value, dict: &StateDict) -> Result<Config> {
        let mut s = Settings::new(super::NAME, value)?;
        s.only("family", &json!(super::NAME))?;
        s.only("version", &json!(1))?;
        s.only("feature_resize", &json!({"mode": "bilinear", "align_corners": false, "antialias": false}))?;
        s.only("concat_order", &json!(["noised_target", "features"]))?;
        let config = Config {
            image: convnext::Config::parse(block(&mut s, "image_encoder")?)?,
            text: clip_text::Config::parse(block(&mut s, "text_encoder")?, &dict.under(TEXT_ENCODER))?,
            unet: ldm_unet::Config::parse(block(&mut s, "unet")?, &dict.under(UNET))?,
            target_size: s.numbers("target_size", [128, 128])?,
            cond_size: s.numbers("cond_size", [512, 512])?,
            diffusion: block(&mut s, "diffusion")?.clone(),
            tasks: s.get("tasks").cloned().unwrap_or_else(|| json!({})),
        };
        s.finish()?;
        config.check()
    }

    fn check(self) -> Result<Config> {
        let bad = |why: String| {
            Err(Error::new(Kind::Checkpoint, format!("the configuration of {} is wrong", super::NAME)).why(why))
        };
        let features: u32 = self.image.level_dims().sum();
        if self.unet.in_channels != TARGET + features || self.unet.out_channels != TARGET {
            return bad(format!(
                "a target of {TARGET} and features of {features} channels do not fit a UNet from {} to {}",
                self.unet.in_channels, self.unet.out_channels
            ));
        }
        if self.text.width != self.unet.cross_attention_dim {
            return bad(format!(
                "a context of {} channels does not fit a UNet that reads {}",
                self.text.width, self.unet.cross_attention_dim
            ));
        }
        if self.target_size.contains(&0) || self.cond_size.iter().any(|s| *s < 32) {
            return bad(format!("sizes {:?} and {:?} are too small", self.target_size, self.cond_size));
        }
        if self.target_size.iter().chain(&self.cond_size).any(|s| *s > MOST_SIDE) {
            return bad(format!("sizes {:?} and {:?} exceed {MOST_SIDE}", self.target_size, self.cond_size));
        }
        Sampler::new(self.sampling()?)?;
        self.told()?;
        Ok(self)
    }

    /// How the checkpoint is sampled.
    pub fn sampling(&self) -> Result<crate::diffusion::Settings> {
        crate::diffusion::Settings::from_json(&self.diffusion)
    }

    /// What the checkpoint can be told.
    pub fn told(&self) -> Result<Vec<Task>> {
        Task::all(&self.tasks)
    }
}

pub fn from_config(value: &Value, dict: &StateDict) -> Result<Box<dyn Network>> {
    Ok(Box::new(Config::parse(value, dict)?))
}

impl Network for Config {
    fn family(&self) -> &'static str {
        super::NAME
    }

    fn config(&self) -> Value {
        json!({
            "family": super::NAME,
            "version": 1,
            "image_encoder": self.image.to_json(),
            "feature_resize": {"mode": "bilinear", "align_corners": false, "antialias": false},
            "concat_order": ["noised_target", "features"],
            "text_encoder": self.text.to_json(),
            "unet": self.unet.to_json(),
            "target_size": self.target_size,
            "cond_size": self.cond_size,
            "diffusion": self.diffusion,
            "tasks": self.tasks,
        })
    }

    fn sizes(&self) -> Sizes {
        Sizes { multiple: 1, least: 32, scale: 1, tiles: TilePolicy::GlobalStats }
    }

    fn parts(&self) -> Vec<Part> {
        vec![super::features_part(1, [32, 32], [8, 8], false), super::text_part(1, 1), super::step_part(1, [8, 8], 1)]
    }

    fn canonical(&self, dict: &StateDict) -> Result<StateDict> {
        let part = |prefix: &str, own: StateDict| own.with_renamed(|key| Some(format!("{prefix}{key}")));
        let image = part(IMAGE_ENCODER, self.image.layout.canonical(&dict.under(IMAGE_ENCODER))?)?;
        let text = part(TEXT_ENCODER, self.text.layout.canonical(&dict.under(TEXT_ENCODER))?)?;
        let unet = part(UNET, self.unet.layout.canonical(&dict.under(UNET))?)?;
        let known = [IMAGE_ENCODER, TEXT_ENCODER, UNET];
        let rest = dict.with_renamed(|key| (!known.iter().any(|p| key.starts_with(p))).then(|| key.to_owned()))?;
        rest.joined(&image)?.joined(&text)?.joined(&unet)
    }

    fn build(&self, b: &mut Build<'_>, part: &Part) -> Result<()> {
        match part.name {
            MAIN => super::net::step(self, b, part),
            super::net::TEXT => super::net::text(self, b, part),
            super::net::IMAGE => super::net::features(self, b, part),
            _ => Err(no_such_part(super::NAME, part)),
        }
    }
}
