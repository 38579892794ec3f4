//! The `diffusion` block of a checkpoint's configuration: which schedule, which prediction, which scaling.

use serde::Deserialize;
use serde_json::Value;

use crate::base::{Error, Kind, Result};

/// Longer schedules than this exist nowhere; the table of one is made when a sampler is opened.
const MOST_STEPS: u32 = 100_000;

/// Unknown keys are refused: a setting that we do not know would silently change the picture.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(default)]
    pub sampler: Method,
    pub steps: u32,
    #[serde(default = "thousand")]
    pub train_steps: u32,
    pub beta_schedule: Betas,
    pub beta_start: f64,
    pub beta_end: f64,
    pub timestep_spacing: Spacing,
    /// Added to every timestep of the leading spacing.
    #[serde(default)]
    pub steps_offset: u32,
    /// After the last step the signal is whole (gamma 1) instead of gamma_0.
    #[serde(default)]
    pub set_alpha_to_one: bool,
    pub prediction_type: Prediction,
    #[serde(default)]
    pub eta: f64,
    /// b: the signal is scaled by it before noise is added.
    #[serde(default = "one")]
    pub input_scale_b: f64,
    /// No default: published sources disagree, so the file must say it.
    pub input_norm: InputNorm,
    #[serde(default)]
    pub clip_y0: Option<f64>,
    #[serde(default = "yes")]
    pub rederive_eps_after_clip: bool,
    /// An x0 network predicts b * x0 (true) or x0 itself.
    #[serde(default = "yes")]
    pub x0_prediction_scaled: bool,
    #[serde(default)]
    pub output: Output,
    /// Only 1 is known: these models are trained without an empty prompt.
    #[serde(default = "one")]
    pub guidance_scale: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    #[default]
    Ddim,
}

/// How beta runs from its first to its last value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Betas {
    Linear,
    /// The square root of beta is linear.
    ScaledLinear,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spacing {
    Leading,
    Trailing,
}

/// What the network says about the noised picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prediction {
    Epsilon,
    #[serde(alias = "sample")]
    X0,
    #[serde(alias = "v_prediction")]
    V,
}

/// What is done to the network's view of the noised picture; the update itself never sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputNorm {
    None,
    /// Divided by the standard deviation measured over each picture.
    Std,
    /// Divided by the standard deviation that a signal of unit variance would have.
    Analytic,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// The state after the last step.
    #[default]
    Sample,
    /// The last prediction of the clean picture.
    PredY0,
}

fn one() -> f64 {
    1.0
}

fn thousand() -> u32 {
    1000
}

fn yes() -> bool {
    true
}

impl Settings {
    pub fn from_json(block: &Value) -> Result<Settings> {
        let settings = Settings::deserialize(block).map_err(|e| refused(e.to_string()))?;
        settings.check()?;
        Ok(settings)
    }

    /// The same model in another number of steps.
    pub fn with_steps(mut self, steps: u32) -> Result<Settings> {
        self.steps = steps;
        self.check()?;
        Ok(self)
    }

    fn check(&self) -> Result<()> {
        let beta = |v: f64| v > 0.0 && v < 1.0;
        let positive = |v: f64| v > 0.0 && v.is_finite();
        let why = if !(1..=MOST_STEPS).contains(&self.train_steps) {
            format!("train_steps is {}, expected 1 to {MOST_STEPS}", self.train_steps)
        } else if !(1..=self.train_steps).contains(&self.steps) {
            format!("steps is {}, expected 1 to {} (train_steps)", self.steps, self.train_steps)
        } else if !beta(self.beta_start) || !beta(self.beta_end) {
            format!("beta_start {} and beta_end {} must lie between 0 and 1", self.beta_start, self.beta_end)
        } else if !(0.0..=1.0).contains(&self.eta) {
            format!("eta is {}, expected 0 (no fresh noise) to 1", self.eta)
        } else if !positive(self.input_scale_b) {
            format!("input_scale_b is {}, expected a positive number", self.input_scale_b)
        } else if self.clip_y0.is_some_and(|c| !positive(c)) {
            format!("clip_y0 is {}, expected a positive number or null", self.clip_y0.unwrap_or_default())
        } else if self.guidance_scale != 1.0 {
            format!("guidance_scale is {}, only 1 (no guidance) can be run", self.guidance_scale)
        } else {
            return Ok(());
        };
        Err(refused(why))
    }
}

pub(super) fn refused(why: String) -> Error {
    Error::new(Kind::Checkpoint, "the diffusion settings").why(why).advice("correct 'diffusion' in the configuration")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    pub fn plain() -> Value {
        json!({"sampler": "ddim", "steps": 50, "train_steps": 1000, "beta_schedule": "scaled_linear",
            "beta_start": 0.00085, "beta_end": 0.012, "timestep_spacing": "leading", "steps_offset": 1,
            "set_alpha_to_one": false, "prediction_type": "epsilon", "eta": 0, "input_scale_b": 1,
            "input_norm": "none", "clip_y0": null, "rederive_eps_after_clip": true, "x0_prediction_scaled": true,
            "output": "sample"})
    }

    fn with(key: &str, value: Value) -> Result<Settings> {
        let mut block = plain();
        block[key] = value;
        Settings::from_json(&block)
    }

    #[test]
    fn a_whole_block_is_read() {
        let settings = Settings::from_json(&plain()).unwrap();
        assert_eq!((settings.steps, settings.prediction_type, settings.clip_y0), (50, Prediction::Epsilon, None));
        assert_eq!(with("prediction_type", json!("v_prediction")).unwrap().prediction_type, Prediction::V);
        assert_eq!(with("clip_y0", json!(0.5)).unwrap().clip_y0, Some(0.5));
        assert_eq!(settings.with_steps(4).unwrap().steps, 4);
    }

    #[test]
    fn what_is_unknown_or_senseless_is_refused_by_name() {
        for (key, value, part) in [
            ("thresholding", json!(true), "thresholding"),
            ("sampler", json!("euler"), "euler"),
            ("steps", json!(0), "steps is 0"),
            ("steps", json!(1001), "steps is 1001"),
            ("steps", json!(2.5), "2.5"),
            ("train_steps", json!(4_000_000_000u32), "train_steps"),
            ("beta_end", json!(1.0), "beta_end"),
            ("eta", json!(1.5), "eta is 1.5"),
            ("input_scale_b", json!(0), "input_scale_b is 0"),
            ("clip_y0", json!(-1), "clip_y0 is -1"),
            ("guidance_scale", json!(7.5), "guidance_scale is 7.5"),
            ("input_norm", json!("whiten"), "whiten"),
        ] {
            let error = with(key, value).unwrap_err().to_string();
            assert!(error.contains(part), "{key}: {error}");
        }
        let mut silent = plain();
        silent.as_object_mut().unwrap().remove("input_norm");
        assert!(Settings::from_json(&silent).unwrap_err().to_string().contains("input_norm"), "no silent default");
    }
}
