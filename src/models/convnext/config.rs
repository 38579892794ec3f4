//! What the checkpoint of an image encoder says about it.

use serde_json::{Value, json};

use super::Layout;
use crate::base::{Error, Kind, Result, Shape};
use crate::checkpoint::StateDict;
use crate::models::settings::Settings;
use crate::models::{MAIN, Network, Part, Sizes, TilePolicy, no_such_part};
use crate::nn::Build;

#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub layout: Layout,
    pub dims: [u32; 4],
    pub depths: [u32; 4],
    /// The stages whose maps are wanted, from 0, rising.
    pub levels: Vec<u32>,
    pub in_channels: u32,
    pub layer_norm_eps: f64,
    /// Eps of the norms at the outputs.
    pub output_norm_eps: f64,
    /// One more LayerNorm over channels at each output.
    pub stage_output_norm: bool,
    /// What is subtracted from and divided out of RGB in 0..1 before the network sees it.
    pub mean: [f64; 3],
    pub std: [f64; 3],
}

/// What the eps of the norms at the outputs is called where it is told apart.
const OUTPUT_NORMS: &str = "hidden_states_norms";

impl Config {
    pub fn parse(value: &Value) -> Result<Config> {
        let mut s = Settings::new(super::NAME, value)?;
        let layout = s.text("layout", "timm")?;
        let layout = Layout::NAMES.iter().find(|(name, _)| *name == layout).map(|(_, l)| *l).ok_or_else(|| {
            Error::new(Kind::Checkpoint, format!("convnext checkpoints have no key layout {layout}"))
                .advice(Layout::NAMES.map(|(name, _)| name).join(", "))
        })?;
        let (eps, output_norm_eps) = match s.get("layer_norm_eps") {
            Some(each @ Value::Object(_)) => {
                let mut s = Settings::new("convnext's layer_norm_eps", each)?;
                let all = s.f64("all", 1e-6)?;
                let outputs = s.f64(OUTPUT_NORMS, all)?;
                s.finish()?;
                (all, outputs)
            }
            _ => s.f64("layer_norm_eps", 1e-6).map(|eps| (eps, eps))?,
        };
        for (key, only) in [
            ("kernel_size", json!(7)),
            ("mlp_ratio", json!(4)),
            ("act", json!("gelu_erf")),
            ("patch_size", json!(4)),
            ("layer_scale", json!(true)),
        ] {
            s.only(key, &only)?;
        }
        let config = Config {
            layout,
            dims: s.numbers("dims", [192, 384, 768, 1536])?,
            depths: s.numbers("depths", [3, 3, 27, 3])?,
            levels: s.list("levels", &[0, 1, 2, 3])?,
            in_channels: s.u32("in_channels", 3)?,
            layer_norm_eps: eps,
            output_norm_eps,
            stage_output_norm: s.bool("stage_output_norm", false)?,
            mean: s.reals("mean", [0.485, 0.456, 0.406])?,
            std: s.reals("std", [0.229, 0.224, 0.225])?,
        };
        let rising = config.levels.windows(2).all(|pair| pair[0] < pair[1]);
        if !rising || config.levels.last().is_none_or(|last| *last > 3) {
            s.only("levels", &json!("some of 0, 1, 2, 3, in this order"))?;
        }
        s.finish()?;
        if config.std.contains(&0.0) {
            return Err(
                Error::new(Kind::Checkpoint, "the configuration key std of convnext is wrong").why("it holds 0")
            );
        }
        Ok(config)
    }

    pub fn to_json(&self) -> Value {
        let eps = match self.output_norm_eps == self.layer_norm_eps {
            true => json!(self.layer_norm_eps),
            false => json!({"all": self.layer_norm_eps, OUTPUT_NORMS: self.output_norm_eps}),
        };
        json!({
            "layout": self.layout.name(),
            "dims": self.dims,
            "depths": self.depths,
            "levels": self.levels,
            "in_channels": self.in_channels,
            "layer_norm_eps": eps,
            "stage_output_norm": self.stage_output_norm,
            "mean": self.mean,
            "std": self.std,
        })
    }

    /// Channels of the wanted maps.
    pub fn level_dims(&self) -> impl Iterator<Item = u32> {
        self.levels.iter().map(|level| self.dims[*level as usize])
    }

    /// RGB in 0..1, channel after channel, as the network wants it.
    pub fn normalise(&self, picture: &[f32]) -> Vec<f32> {
        let plane = (picture.len() / 3).max(1);
        let scaled = |(i, v): (usize, &f32)| {
            let c = (i / plane).min(2);
            ((f64::from(*v) - self.mean[c]) / self.std[c]) as f32
        };
        picture.iter().enumerate().map(scaled).collect()
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
        self.to_json()
    }

    fn sizes(&self) -> Sizes {
        Sizes { multiple: 1, least: 32, scale: 1, tiles: TilePolicy::Local }
    }

    fn canonical(&self, dict: &StateDict) -> Result<StateDict> {
        self.layout.canonical(dict)
    }

    fn build(&self, b: &mut Build<'_>, part: &Part) -> Result<()> {
        if part.name != MAIN {
            return Err(no_such_part(super::NAME, part));
        }
        let x = b.graph.input("input", Shape::new(part.n, part.h, part.w, self.in_channels));
        for (level, t) in super::stages(self, b, "", x)? {
            b.graph.output(super::STAGE_NAMES[level], t);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_norms_at_the_outputs_may_have_an_eps_of_their_own() {
        let of = |eps: Value| Config::parse(&json!({"layer_norm_eps": eps}));
        let eps = |c: &Config| (c.layer_norm_eps, c.output_norm_eps);
        assert_eq!(eps(&of(json!(1e-5)).unwrap()), (1e-5, 1e-5));
        assert_eq!(eps(&of(json!({"all": 1e-5})).unwrap()), (1e-5, 1e-5));
        let apart = of(json!({"all": 1e-6, "hidden_states_norms": 1e-2})).unwrap();
        assert_eq!(eps(&apart), (1e-6, 1e-2));
        assert_eq!(Config::parse(&apart.to_json()).unwrap(), apart);
        assert!(of(json!({"other": 1e-6})).unwrap_err().to_string().contains("other"));
    }
}
