//! How much signal is left at each training timestep, and at which of them the network is asked.

use super::settings::{Betas, Settings, Spacing, refused};
use crate::base::Result;

/// One call of the network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// 0 for the first call.
    pub index: u32,
    /// The training timestep that the network is told.
    pub t: u32,
    /// The share of the signal's variance now and after the step.
    pub gamma: f64,
    pub gamma_next: f64,
    /// The spread of the fresh noise that the step adds; 0 without eta.
    pub sigma: f64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// gamma_t, the running product of 1 - beta, for every training timestep.
    pub gammas: Vec<f64>,
    pub steps: Vec<Step>,
}

impl Schedule {
    pub fn new(settings: &Settings) -> Result<Schedule> {
        let gammas = gammas(settings);
        let stride = settings.train_steps / settings.steps;
        let mut steps = Vec::with_capacity(settings.steps as usize);
        for (index, t) in timesteps(settings)?.into_iter().enumerate() {
            // By the stride and not by the next entry: that is how such models are sampled, whatever the spacing.
            let gamma_next = match t.checked_sub(stride) {
                Some(next) => gammas[next as usize],
                None if settings.set_alpha_to_one => 1.0,
                None => gammas[0],
            };
            let gamma = gammas[t as usize];
            let variance = (1.0 - gamma_next) / (1.0 - gamma) * (1.0 - gamma / gamma_next);
            let sigma = settings.eta * variance.max(0.0).sqrt();
            steps.push(Step { index: index as u32, t, gamma, gamma_next, sigma });
        }
        Ok(Schedule { gammas, steps })
    }
}

fn gammas(settings: &Settings) -> Vec<f64> {
    let (start, end) = (settings.beta_start, settings.beta_end);
    let count = settings.train_steps;
    let spread = |from: f64, to: f64, i: u32| match count {
        1 => from,
        _ => from + (to - from) * f64::from(i) / f64::from(count - 1),
    };
    let beta = |i| match settings.beta_schedule {
        Betas::Linear => spread(start, end, i),
        Betas::ScaledLinear => spread(start.sqrt(), end.sqrt(), i).powi(2),
    };
    let product = |gamma: &mut f64, i| {
        *gamma *= 1.0 - beta(i);
        Some(*gamma)
    };
    (0..count).scan(1.0, product).collect()
}

/// From the noisiest to the cleanest.
fn timesteps(settings: &Settings) -> Result<Vec<u32>> {
    let (steps, train) = (settings.steps, settings.train_steps);
    let at = |k: u32| match settings.timestep_spacing {
        Spacing::Leading => settings.steps_offset.checked_add((steps - 1 - k) * (train / steps)),
        // Halves go to the even neighbour, as in the libraries that trained such models.
        Spacing::Trailing => {
            let passed = f64::from(k) * f64::from(train) / f64::from(steps);
            Some((f64::from(train) - passed).round_ties_even() as u32 - 1)
        }
    };
    let list: Option<Vec<u32>> = (0..steps).map(at).collect();
    match list {
        Some(list) if list.iter().all(|t| *t < train) => Ok(list),
        _ => Err(refused(format!(
            "{steps} steps with steps_offset {} lead past the last training timestep {}",
            settings.steps_offset,
            train - 1
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::tests::plain;
    use super::*;
    use serde_json::json;

    fn schedule(changes: &[(&str, serde_json::Value)]) -> Result<Schedule> {
        let mut block = plain();
        for (key, value) in changes {
            block[*key] = value.clone();
        }
        Schedule::new(&Settings::from_json(&block)?)
    }

    fn list(changes: &[(&str, serde_json::Value)]) -> Vec<u32> {
        schedule(changes).unwrap().steps.iter().map(|s| s.t).collect()
    }

    #[test]
    fn leading_and_trailing_timesteps() {
        let leading = list(&[]);
        assert_eq!((leading.len(), leading[0], leading[1], leading[49]), (50, 981, 961, 1));
        assert_eq!(list(&[("steps", json!(3)), ("steps_offset", json!(0))]), [666, 333, 0]);
        let trailing = |steps| list(&[("timestep_spacing", json!("trailing")), ("steps", json!(steps))]);
        assert_eq!(trailing(4), [999, 749, 499, 249]);
        assert_eq!(trailing(3), [999, 666, 332]);
        // 937.5 and 812.5 have even neighbours 938 and 812.
        assert_eq!(trailing(16)[..4], [999, 937, 874, 811]);
        assert_eq!(trailing(1000)[..3], [999, 998, 997]);
        let error = schedule(&[("steps", json!(1000))]).unwrap_err().to_string();
        assert!(error.contains("past the last training timestep 999"), "{error}");
    }

    #[test]
    fn gammas_fall_from_near_one() {
        for kind in ["linear", "scaled_linear"] {
            let gammas = schedule(&[("beta_schedule", json!(kind))]).unwrap().gammas;
            assert_eq!(gammas.len(), 1000);
            assert!((gammas[0] - (1.0 - 0.00085)).abs() < 1e-15, "{kind}");
            assert!(gammas.windows(2).all(|w| w[1] < w[0]) && gammas[999] > 0.0, "{kind}");
        }
        // The well known last value of the Stable Diffusion schedule.
        assert!((schedule(&[]).unwrap().gammas[999] - 0.004_660_1).abs() < 1e-7);
    }

    #[test]
    fn the_last_step_ends_where_the_settings_say() {
        let last = |one: bool| *schedule(&[("set_alpha_to_one", json!(one))]).unwrap().steps.last().unwrap();
        assert_eq!(last(true).gamma_next, 1.0);
        assert_eq!(last(false).gamma_next, schedule(&[]).unwrap().gammas[0]);
        let noisy = schedule(&[("eta", json!(1.0)), ("set_alpha_to_one", json!(true))]).unwrap();
        assert!(noisy.steps[..49].iter().all(|s| s.sigma > 0.0));
        assert_eq!(noisy.steps[49].sigma, 0.0, "no noise on a finished picture");
    }
}
