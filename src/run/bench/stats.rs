//! Statistics of repeated timings. The median and its absolute deviation, because a machine is disturbed in one
//! direction only.

use std::time::Instant;

use crate::base::Result;

/// How long to repeat.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    pub samples: usize,
    /// Go on until this much time was sampled.
    pub seconds: f64,
    /// Give up sampling after this much time, but not before [`FEWEST`] samples.
    pub limit: f64,
    /// Warm-up lasts at least and at most this long.
    pub warm: (f64, f64),
}

/// Below this many samples a median says nothing.
pub const FEWEST: usize = 3;

impl Policy {
    /// What a ranked row needs.
    pub const FULL: Policy = Policy { samples: 20, seconds: 5.0, limit: 120.0, warm: (1.0, 10.0) };
    /// One network, for somebody who waits.
    pub const ONE: Policy = Policy { samples: 20, seconds: 5.0, limit: 30.0, warm: (1.0, 10.0) };
    /// A first look.
    pub const QUICK: Policy = Policy { samples: 5, seconds: 0.5, limit: 20.0, warm: (0.0, 3.0) };
}

/// What is reported of a list of times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    pub median: f64,
    pub mad: f64,
    pub p90: f64,
    pub min: f64,
}

/// A row whose deviation is a larger share of its median is marked `~`.
pub const NOISY: f64 = 0.05;

impl Summary {
    pub fn noisy(&self) -> bool {
        self.mad > NOISY * self.median
    }
}

/// The middle value, or the mean of the two middle ones; 0 for none.
pub fn median(values: &[f64]) -> f64 {
    let sorted = sorted(values);
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
    }
}

/// The larger of two errors; NaN is worse than anything.
pub fn worse(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Median, median absolute deviation, 90th percentile (nearest rank) and minimum.
pub fn summary(values: &[f64]) -> Summary {
    let middle = median(values);
    let sorted = sorted(values);
    let rank = (0.9 * sorted.len() as f64).ceil() as usize;
    Summary {
        median: middle,
        mad: median(&values.iter().map(|v| (v - middle).abs()).collect::<Vec<_>>()),
        p90: sorted.get(rank.max(1) - 1).copied().unwrap_or(0.0),
        min: sorted.first().copied().unwrap_or(0.0),
    }
}

/// Whether the median of the last five times moved by less than 2 % since the one before.
pub fn steady(times: &[f64]) -> bool {
    let Some(from) = times.len().checked_sub(6) else { return false };
    let (before, now) = (median(&times[from..from + 5]), median(&times[from + 1..]));
    (now - before).abs() <= 0.02 * before
}

/// Times of one repeated work, in seconds.
#[derive(Debug, Clone, Default)]
pub struct Samples {
    pub times: Vec<f64>,
    /// The very first run, which compiles on some drivers.
    pub first: f64,
    /// Whether the warm-up ended because the times were steady.
    pub steady: bool,
}

/// Warms up and samples `work`. `prepare` comes before every run and `between` sees the number of samples so far, both
/// outside the timed span.
pub fn sample(
    policy: &Policy,
    mut prepare: impl FnMut() -> Result<()>,
    mut work: impl FnMut() -> Result<()>,
    mut between: impl FnMut(usize) -> Result<()>,
) -> Result<Samples> {
    let mut timed = || -> Result<f64> {
        prepare()?;
        let start = Instant::now();
        work()?;
        Ok(start.elapsed().as_secs_f64())
    };
    let first = timed()?;
    let start = Instant::now();
    let mut warm = Vec::new();
    let mut is_steady = false;
    while start.elapsed().as_secs_f64() < policy.warm.1 {
        warm.push(timed()?);
        is_steady = steady(&warm);
        if is_steady && start.elapsed().as_secs_f64() >= policy.warm.0 {
            break;
        }
    }
    let start = Instant::now();
    let mut times = Vec::new();
    loop {
        let spent = start.elapsed().as_secs_f64();
        let enough = times.len() >= policy.samples && spent >= policy.seconds;
        if enough || (times.len() >= FEWEST.min(policy.samples.max(1)) && spent >= policy.limit) {
            break;
        }
        times.push(timed()?);
        between(times.len())?;
    }
    Ok(Samples { times, first, steady: is_steady })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_samples() {
        let s = summary(&[5.0, 1.0, 2.0, 4.0, 3.0, 9.0, 7.0, 8.0, 6.0, 100.0]);
        assert_eq!(s, Summary { median: 5.5, mad: 2.5, p90: 9.0, min: 1.0 });
        assert_eq!(summary(&[2.0]), Summary { median: 2.0, mad: 0.0, p90: 2.0, min: 2.0 });
        assert_eq!(median(&[]), 0.0);
    }

    #[test]
    fn noise_is_marked_past_five_percent() {
        assert!(!summary(&[1.0, 1.04, 0.96, 1.0, 1.0]).noisy());
        assert!(summary(&[1.0, 1.1, 0.9, 1.1, 0.9]).noisy());
    }

    #[test]
    fn one_outlier_changes_neither_median_nor_deviation() {
        let calm = summary(&[1.0, 1.01, 0.99, 1.0, 1.0]);
        let hit = summary(&[1.0, 1.01, 50.0, 1.0, 1.0]);
        assert_eq!((calm.median, hit.median), (1.0, 1.0));
        assert!(!hit.noisy());
    }

    #[test]
    fn steady_needs_six_runs_that_settle() {
        assert!(!steady(&[1.0; 5]));
        assert!(steady(&[1.0; 6]));
        assert!(!steady(&[9.0, 8.0, 7.0, 6.0, 5.0, 4.0]), "still falling");
        assert!(steady(&[9.0, 1.0, 1.0, 1.01, 1.0, 1.0]));
    }

    #[test]
    fn the_policy_is_kept() {
        let policy = Policy { samples: 7, seconds: 0.0, limit: 1.0, warm: (0.0, 0.0) };
        let mut seen = Vec::new();
        let note = |n| {
            seen.push(n);
            Ok(())
        };
        let s = sample(&policy, || Ok(()), || Ok(()), note).expect("nothing fails");
        assert_eq!((s.times.len(), seen), (7, (1..=7).collect()));
        let slow = Policy { samples: 20, seconds: 9.0, limit: 0.0, warm: (0.0, 0.0) };
        assert_eq!(sample(&slow, || Ok(()), || Ok(()), |_| Ok(())).expect("nothing fails").times.len(), FEWEST);
    }
}
