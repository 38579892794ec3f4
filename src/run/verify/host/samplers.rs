//! Sampler cases: the whole trajectory, with a denoiser that is a formula.

use super::Report;
use crate::base::Result;
use crate::diffusion::{Sampler, Settings};

pub fn run(report: &mut Report) -> Result<()> {
    let case = report.case;
    let sampler = Sampler::new(Settings::from_json(&case.config)?)?;
    let shape = report.shape("noise")?.to_vec();
    let start = case.io.f64("noise")?;
    let formula = Formula::new(report, &shape)?;
    let fresh = match case.io.shape("eta_noise") {
        Some(_) => case.io.f64("eta_noise")?,
        None => Vec::new(),
    };
    if sampler.steps().iter().any(|s| s.sigma > 0.0) && fresh.len() != sampler.steps().len() * start.len() {
        return Err(report.lacks("'eta_noise' for every step"));
    }

    let (mut states, mut predictions) = (start.clone(), Vec::new());
    let size = start.len();
    let finished = sampler.run(
        start,
        shape[0],
        &mut |step, z| Ok(formula.answer(step.t, z)),
        &mut |step, noise| {
            noise.copy_from_slice(&fresh[step.index as usize * size..][..size]);
            Ok(())
        },
        &mut |moment| {
            states.extend(moment.y);
            predictions.extend(moment.y0);
            Ok(())
        },
    )?;

    let steps = sampler.steps().len();
    let stacked = |count: usize| -> Vec<usize> { [&[count], &shape[..]].concat() };
    report.reals("trajectory.f64", &stacked(steps + 1), states)?;
    report.reals("pred_y0.f64", &stacked(steps), predictions)?;
    report.reals("final_x0.f64", &shape, finished.x0.clone())?;
    report.reals("final_x0", &shape, finished.x0)?;
    let gammas = &sampler.schedule().gammas;
    report.reals("alphas_cumprod.f64", &[gammas.len()], gammas.clone())?;
    let timesteps = sampler.steps().iter().map(|s| s.t as i32).collect();
    report.whole("timesteps", &[steps], timesteps, |_| true)
}

/// out[b,o,p] = sum_c A[o,c] z[b,c,p] + (k0 + k1 t / 1000) D[0,o,p] + c[o]
struct Formula {
    mix: Vec<f64>,
    drift: Vec<f64>,
    offset: Vec<f64>,
    k0: f64,
    k1: f64,
    channels: usize,
    pixels: usize,
}

impl Formula {
    fn new(report: &Report, shape: &[usize]) -> Result<Formula> {
        let case = report.case;
        let &[batch, channels, height, width] = shape else { return Err(report.lacks("'noise' with four axes")) };
        let pixels = height * width;
        let constant = |key: &str| {
            let value = case.call.get("denoiser").and_then(|d| d.get(key)).and_then(|v| v.as_f64());
            value.ok_or_else(|| report.lacks(&format!("'{key}' of the denoiser")))
        };
        let tensor = |name: &str, count: usize| {
            let values = case.io.f64(name)?;
            if values.len() == count { Ok(values) } else { Err(report.lacks(&format!("'{name}' of {count} values"))) }
        };
        if batch == 0 || channels == 0 || pixels == 0 {
            return Err(report.lacks("any value of 'noise'"));
        }
        Ok(Formula {
            mix: tensor("A", channels * channels)?,
            drift: tensor("D", channels * pixels)?,
            offset: tensor("c", channels)?,
            k0: constant("k0")?,
            k1: constant("k1")?,
            channels,
            pixels,
        })
    }

    fn answer(&self, t: u32, z: &[f64]) -> Vec<f64> {
        let pull = self.k0 + self.k1 * f64::from(t) / 1000.0;
        let mut out = Vec::with_capacity(z.len());
        for picture in z.chunks_exact(self.channels * self.pixels) {
            for o in 0..self.channels {
                for p in 0..self.pixels {
                    let row = self.mix[o * self.channels..][..self.channels].iter().enumerate();
                    let mixed: f64 = row.map(|(c, a)| a * picture[c * self.pixels + p]).sum();
                    out.push(mixed + pull * self.drift[o * self.pixels + p] + self.offset[o]);
                }
            }
        }
        out
    }
}
