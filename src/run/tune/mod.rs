//! A short measured tuning: which contraction family is fastest on this adapter, among those that compute what plain loops
//! compute, from which depth of K on matrix units pay, and how the adapter rounds f16. The answer is cached on disk, keyed by
//! everything that could change it.

mod cache;
mod choice;
pub mod rounding;
pub mod trial;

use std::path::Path;
use std::time::{Duration, Instant};

use self::cache::Answer;
use self::choice::{Measured, Run, fastest_right};
use self::trial::{Ready, Trial};
use crate::base::{DType, Kind, Result};
use crate::gpu::Gpu;
use crate::kernel::Contraction;

/// How long a trial runs before its times count: a GPU that idled needs that to raise its clocks.
const WARM_UP: Duration = Duration::from_millis(60);
/// Times taken of every family, in turns; the best counts.
const TURNS: usize = 5;

/// Measures the candidates the adapter can run and keeps the fastest that computes the right thing, or reads the answer
/// from `cache`; an only candidate is tried too. Wide loads are taken unmeasured. An adapter without a right one is an error:
/// every picture would be wrong.
pub fn tune(gpu: &mut Gpu, cache: Option<&Path>) -> Result<()> {
    let candidates = gpu.contraction_candidates().to_vec();
    if matches!(candidates.first(), None | Some(Contraction::Wide { .. })) {
        // Where 64-bit loads are offered they won on every driver measured (benches/NOTES.md); measuring the others again
        // would cost a first start seconds of compiling. The drivers that offer them round to the nearest.
        return Ok(());
    }
    let file = cache.map(|dir| dir.join("tuning.json"));
    let key = cache::key(gpu);
    if let Some(found) = file.as_deref().and_then(|f| cache::read(f, &key, &candidates)) {
        gpu.set_truncating(found.truncates);
        gpu.set_contraction(found.family);
        return Ok(());
    }
    let mut candidates = worth_measuring(candidates, gpu.summary().software);
    let crashed = file.as_deref().and_then(|f| cache::tried(f, &key));
    candidates.retain(|c| crashed.as_deref() != Some(&cache::name(*c)));
    // A driver that crashes over matrices takes the process along; the next start then finds what was being tried. A cache
    // that cannot be written costs time, not correctness.
    let risk = candidates.iter().copied().find(is_cooperative);
    let note = |trying| {
        if let (Some(file), Some(_)) = (&file, risk) {
            let _ = cache::write_tried(file, &key, trying);
        }
    };
    let truncates = rounding::truncates(gpu)?;
    gpu.set_truncating(truncates);
    let trials = Trial::classes(gpu.summary().software)?;
    let expected = trials.iter().map(Trial::expected).collect::<Result<Vec<_>>>()?;
    note(risk);
    let measured = measure(gpu, &trials, &candidates);
    note(None);
    let family = match fastest_right(measured, &expected) {
        // The plain kernel is for a device on which nothing else is right. It is slow, so it is not remembered: the next
        // start tries the others again.
        Err(e) if e.kind() == Kind::Device => {
            let last = measure(gpu, &trials, &[Contraction::Plain]);
            gpu.set_contraction(fastest_right(last, &expected).map_err(|_| e)?);
            return Ok(());
        }
        result => result?,
    };
    gpu.set_contraction(family);
    if let Some(file) = file {
        let _ = cache::write(&file, &key, &Answer { family, truncates });
    }
    Ok(())
}

fn is_cooperative(family: &Contraction) -> bool {
    matches!(family, Contraction::Cooperative { .. })
}

/// A software adapter emulates cooperative matrices and has no registers to save, and compiling these would cost its first
/// start seconds.
fn worth_measuring(mut candidates: Vec<Contraction>, software: bool) -> Vec<Contraction> {
    let for_gpus = |c: &Contraction| is_cooperative(c) || *c == Contraction::Tiled { rows: 4 };
    candidates.retain(|c| *c != Contraction::Plain && !(software && for_gpus(c)));
    candidates
}

/// The precisions that tell the candidates apart: cooperative matrices may be there for f16 alone.
fn precisions(candidates: &[Contraction]) -> &'static [DType] {
    if candidates.iter().any(is_cooperative) { &[DType::F32, DType::F16] } else { &[DType::F32] }
}

/// What every family does on every trial.
fn measure(gpu: &mut Gpu, trials: &[Trial], families: &[Contraction]) -> Vec<(Contraction, Measured)> {
    let before = gpu.target().contraction;
    let mut measured: Vec<(Contraction, Measured)> = families.iter().map(|f| (*f, Ok(Vec::new()))).collect();
    for trial in trials {
        for precision in precisions(families) {
            side_by_side(gpu, trial, *precision, &mut measured);
        }
    }
    gpu.set_contraction(before);
    measured
}

/// One trial of all families that have not failed yet, in turns, so that what else the device does, and its clocks, are the
/// same to all.
fn side_by_side(gpu: &mut Gpu, trial: &Trial, precision: DType, measured: &mut [(Contraction, Measured)]) {
    let mut ready: Vec<Option<Ready>> = Vec::new();
    for (family, result) in &mut *measured {
        gpu.set_contraction(*family);
        let made = result.is_ok().then(|| trial.ready(gpu, precision));
        ready.push(keep(made, result));
    }
    let warm = Instant::now();
    while !gpu.summary().software && warm.elapsed() < WARM_UP && ready.iter().any(Option::is_some) {
        turn(gpu, &mut ready, measured);
    }
    let mut best = vec![f64::INFINITY; ready.len()];
    for _ in 0..TURNS {
        for (best, seconds) in best.iter_mut().zip(turn(gpu, &mut ready, measured)) {
            *best = best.min(seconds);
        }
    }
    for ((one, (_, result)), seconds) in ready.into_iter().zip(measured).zip(best) {
        let output = one.map(|one| one.output(gpu));
        if let (Some(output), Ok(runs)) = (keep(output, result), result) {
            runs.push(Run { depth: trial.depth(), precision, seconds, output });
        }
    }
}

/// The seconds of one replay of each; infinite for what cannot run.
fn turn(gpu: &Gpu, ready: &mut [Option<Ready>], measured: &mut [(Contraction, Measured)]) -> Vec<f64> {
    let time = |(one, (_, result)): (&mut Option<Ready>, &mut (Contraction, Measured))| {
        let seconds = keep(one.as_mut().map(|one| one.seconds(gpu)), result);
        if seconds.is_none() {
            *one = None;
        }
        seconds.unwrap_or(f64::INFINITY)
    };
    ready.iter_mut().zip(measured).map(time).collect()
}

/// The value; an error goes to the family's result.
fn keep<T>(value: Option<Result<T>>, result: &mut Measured) -> Option<T> {
    match value? {
        Ok(value) => Some(value),
        Err(e) => {
            *result = Err(e);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrices_are_timed_on_gpus_alone_and_in_f16_too() {
        let matrices = Contraction::Cooperative { lanes: 32, f32: 0, f16: 16, depth: 0 };
        let short = Contraction::Tiled { rows: 4 };
        let all = vec![Contraction::TILED, short, matrices, Contraction::Plain];
        assert_eq!(worth_measuring(all.clone(), true), [Contraction::TILED]);
        assert_eq!(worth_measuring(all.clone(), false), [Contraction::TILED, short, matrices]);
        assert_eq!(precisions(&all), [DType::F32, DType::F16], "in f32 both are the tiled kernel");
        assert_eq!(precisions(&[Contraction::TILED]), [DType::F32]);
    }
}
