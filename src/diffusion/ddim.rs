//! The DDIM loop. The state y is in signal units: b times a picture in -1..1, plus noise.

use super::schedule::{Schedule, Step};
use super::settings::{InputNorm, Output, Prediction, Settings};
use crate::base::{Error, Kind, Result};

/// A schedule with the rules of its update.
#[derive(Debug, Clone)]
pub struct Sampler {
    settings: Settings,
    schedule: Schedule,
}

/// The network: it gets the normalised state and returns as many values.
pub type Denoise<'a> = &'a mut dyn FnMut(&Step, &[f64]) -> Result<Vec<f64>>;

/// Fills in fresh normal noise.
pub type Fresh<'a> = &'a mut dyn FnMut(&Step, &mut [f64]) -> Result<()>;

/// Sees every step, and stops the loop with an error.
pub type Watch<'a> = &'a mut dyn FnMut(Moment) -> Result<()>;

/// What a watcher sees after each step.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    pub step: Step,
    /// The prediction of the clean signal, clipped if the settings say so.
    pub y0: &'a [f64],
    /// The state that the next step starts from.
    pub y: &'a [f64],
}

/// The end of a trajectory.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// The last state, in signal units.
    pub y: Vec<f64>,
    /// The picture, nominally in -1..1: the output that the settings name, divided by b. Not clamped; every codec
    /// clamps as its task asks.
    pub x0: Vec<f64>,
}

impl Sampler {
    pub fn new(settings: Settings) -> Result<Sampler> {
        let schedule = Schedule::new(&settings)?;
        Ok(Sampler { settings, schedule })
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    pub fn steps(&self) -> &[Step] {
        &self.schedule.steps
    }

    /// Runs all steps from `start` (normal noise; not scaled by b), which holds `batch` pictures one after another;
    /// the order of values inside a picture is free.
    ///
    /// `fresh` is called only where a step adds noise.
    pub fn run(&self, start: Vec<f64>, batch: usize, denoise: Denoise, fresh: Fresh, watch: Watch) -> Result<Finished> {
        if batch == 0 || start.is_empty() || !start.len().is_multiple_of(batch) {
            let what = format!("sampling {batch} pictures from {} values of noise", start.len());
            return Err(Error::new(Kind::Usage, what).why("the values do not divide into pictures"));
        }
        let mut y = start;
        let mut y0 = Vec::new();
        let mut noise = vec![0.0; y.len()];
        for step in &self.schedule.steps {
            let prediction = denoise(step, &self.network_input(step, &y, batch)?)?;
            guard(step, &prediction, y.len())?;
            let epsilon;
            (y0, epsilon) = self.split(step, &y, prediction);
            if step.sigma > 0.0 {
                fresh(step, &mut noise)?;
            }
            let signal = step.gamma_next.sqrt();
            let direction = (1.0 - step.gamma_next - step.sigma * step.sigma).max(0.0).sqrt();
            for (i, y) in y.iter_mut().enumerate() {
                *y = signal * y0[i] + direction * epsilon[i] + step.sigma * noise[i];
            }
            watch(Moment { step: *step, y0: &y0, y: &y })?;
        }
        let picture = match self.settings.output {
            Output::Sample => &y,
            Output::PredY0 => &y0,
        };
        let x0 = picture.iter().map(|v| v / self.settings.input_scale_b).collect();
        Ok(Finished { y, x0 })
    }

    /// With b other than 1 the spread of y changes with the timestep; the network may want it constant.
    fn network_input(&self, step: &Step, y: &[f64], batch: usize) -> Result<Vec<f64>> {
        let b = self.settings.input_scale_b;
        match self.settings.input_norm {
            InputNorm::None => Ok(y.to_vec()),
            InputNorm::Analytic => {
                let factor = 1.0 / ((b * b - 1.0) * step.gamma + 1.0).sqrt();
                Ok(y.iter().map(|v| v * factor).collect())
            }
            InputNorm::Std => {
                let mut out = Vec::with_capacity(y.len());
                for picture in y.chunks_exact(y.len() / batch) {
                    let spread = deviation(picture);
                    if spread <= 0.0 {
                        return Err(Error::new(Kind::Guard, format!("diffusion step {} (t = {})", step.index, step.t))
                            .why("all values are equal, so they cannot be divided by their deviation"));
                    }
                    out.extend(picture.iter().map(|v| v / spread));
                }
                Ok(out)
            }
        }
    }

    /// The clean signal and the noise that the prediction means.
    fn split(&self, step: &Step, y: &[f64], mut prediction: Vec<f64>) -> (Vec<f64>, Vec<f64>) {
        let (signal, noise) = (step.gamma.sqrt(), (1.0 - step.gamma).sqrt());
        let noise_of = |y: f64, y0: f64| (y - signal * y0) / noise;
        let b = if self.settings.x0_prediction_scaled { 1.0 } else { self.settings.input_scale_b };
        let mut y0 = Vec::with_capacity(y.len());
        for (y, o) in y.iter().zip(&mut prediction) {
            let (clean, epsilon) = match self.settings.prediction_type {
                Prediction::Epsilon => ((y - noise * *o) / signal, *o),
                Prediction::X0 => (b * *o, noise_of(*y, b * *o)),
                Prediction::V => (signal * y - noise * *o, signal * *o + noise * y),
            };
            y0.push(clean);
            *o = epsilon;
        }
        if let Some(limit) = self.settings.clip_y0 {
            for ((y0, y), epsilon) in y0.iter_mut().zip(y).zip(&mut prediction) {
                *y0 = y0.clamp(-limit, limit);
                if self.settings.rederive_eps_after_clip {
                    *epsilon = noise_of(*y, *y0);
                }
            }
        }
        (y0, prediction)
    }
}

/// The population form: divided by n.
fn deviation(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt()
}

/// One bad value would spread over the whole picture in the next step.
fn guard(step: &Step, prediction: &[f64], expected: usize) -> Result<()> {
    let error = || Error::new(Kind::Guard, format!("diffusion step {} (t = {})", step.index, step.t));
    if prediction.len() != expected {
        return Err(error().why(format!("the network returned {} values, expected {expected}", prediction.len())));
    }
    match prediction.iter().position(|v| !v.is_finite()) {
        Some(at) => Err(error()
            .why(format!("the network returned {} at value {at}", prediction[at]))
            .advice("run with f32 precision; if that fails too, the checkpoint is damaged")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::noise::gaussian;
    use super::super::settings::tests::plain;
    use super::*;
    use serde_json::{Value, json};

    fn sampler(changes: &[(&str, Value)]) -> Sampler {
        let mut block = plain();
        for (key, value) in changes {
            block[*key] = value.clone();
        }
        Sampler::new(Settings::from_json(&block).unwrap()).unwrap()
    }

    fn run(sampler: &Sampler, denoise: Denoise) -> Result<Finished> {
        let fresh = &mut |step: &Step, out: &mut [f64]| {
            out.copy_from_slice(&gaussian(1, step.index + 1, 0, 1, out.len()));
            Ok(())
        };
        sampler.run(gaussian(1, 0, 0, 1, 12), 2, denoise, fresh, &mut |_| Ok(()))
    }

    const TRUTH: f64 = 0.3;

    #[test]
    fn a_network_that_knows_the_picture_finds_it() {
        for (kind, b) in [("x0", 1.0), ("x0", 0.3), ("epsilon", 0.5), ("v", 0.5)] {
            for eta in [0.0, 0.7] {
                let s = sampler(&[
                    ("prediction_type", json!(kind)),
                    ("input_scale_b", json!(b)),
                    ("eta", json!(eta)),
                    ("set_alpha_to_one", json!(true)),
                ]);
                // With no normalisation the network sees y itself, and can compute the exact answer of each kind.
                let mut oracle = |step: &Step, z: &[f64]| {
                    let (signal, noise) = (step.gamma.sqrt(), (1.0 - step.gamma).sqrt());
                    let answer = |y: &f64| {
                        let epsilon = (y - signal * b * TRUTH) / noise;
                        match kind {
                            "x0" => b * TRUTH,
                            "epsilon" => epsilon,
                            _ => signal * epsilon - noise * b * TRUTH,
                        }
                    };
                    Ok(z.iter().map(answer).collect())
                };
                let x0 = run(&s, &mut oracle).unwrap().x0;
                assert!(x0.iter().all(|v| (v - TRUTH).abs() < 1e-9), "{kind} {b} {eta}: {x0:?}");
            }
        }
    }

    #[test]
    fn the_network_sees_unit_deviation_per_picture() {
        let s = sampler(&[("input_norm", json!("std")), ("input_scale_b", json!(0.1))]);
        run(&s, &mut |_, z| {
            for picture in z.chunks_exact(6) {
                assert!((deviation(picture) - 1.0).abs() < 1e-12);
            }
            Ok(z.iter().map(|v| v * 0.5).collect())
        })
        .unwrap();
    }

    #[test]
    fn clipping_holds_the_prediction() {
        let s = sampler(&[("clip_y0", json!(0.5)), ("output", json!("pred_y0")), ("input_scale_b", json!(0.5))]);
        let x0 = run(&s, &mut |_, z| Ok(vec![-3.0; z.len()])).unwrap().x0;
        assert!(x0.iter().all(|v| v.abs() <= 1.0));
    }

    #[test]
    fn bad_networks_are_stopped_at_their_step() {
        let s = sampler(&[]);
        let mut late = |step: &Step, z: &[f64]| Ok(vec![if step.index == 3 { f64::NAN } else { 0.0 }; z.len()]);
        let error = run(&s, &mut late).unwrap_err();
        assert_eq!(error.kind(), Kind::Guard);
        assert!(error.to_string().contains("step 3 (t = 921)"), "{error}");
        assert!(run(&s, &mut |_, _| Ok(vec![0.0])).unwrap_err().to_string().contains("1 values, expected 12"));
        let fresh = &mut |_: &Step, _: &mut [f64]| Ok(());
        let none = s.run(vec![0.0; 5], 2, &mut |_, z| Ok(z.to_vec()), fresh, &mut |_| Ok(()));
        assert_eq!(none.unwrap_err().kind(), Kind::Usage);
    }
}
