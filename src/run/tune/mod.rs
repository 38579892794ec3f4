//! A short measured tuning: which contraction family is fastest on this adapter, among those that compute what plain loops
//! compute, and from which depth of K on matrix units pay. The answer is cached on disk, keyed by everything that could
//! change it.

mod cache;
mod choice;
pub mod trial;

use std::path::Path;

use self::choice::{Measured, Run, fastest_right};
use self::trial::Trial;
use crate::base::{DType, Result};
use crate::gpu::Gpu;
use crate::kernel::Contraction;

/// Measures the candidates the adapter can run and keeps the fastest that computes the right thing, or reads the answer
/// from `cache`; an only candidate is tried too. Wide loads are taken unmeasured. An adapter without a right one is an error:
/// every picture would be wrong.
pub fn tune(gpu: &mut Gpu, cache: Option<&Path>) -> Result<()> {
    let candidates = gpu.contraction_candidates().to_vec();
    if matches!(candidates.first(), None | Some(Contraction::Wide { .. })) {
        // Where 64-bit loads are offered they won on every driver measured (benches/NOTES.md); measuring the others again
        // would cost a first start seconds of compiling.
        return Ok(());
    }
    let file = cache.map(|dir| dir.join("tuning.json"));
    let key = cache::key(gpu);
    if let Some(found) = file.as_deref().and_then(|f| cache::read(f, &key, &candidates)) {
        gpu.set_contraction(found);
        return Ok(());
    }
    let candidates = worth_measuring(candidates, gpu.summary().software);
    let tries = precisions(&candidates);
    let trials = Trial::classes(gpu.summary().software)?;
    let expected = trials.iter().map(Trial::expected).collect::<Result<Vec<_>>>()?;
    let mut measured = |family| (family, measure(gpu, &trials, family, tries));
    let usual: Vec<(Contraction, Measured)> = candidates.into_iter().map(&mut measured).collect();
    // The plain kernel is for a device on which nothing else is right.
    let best = fastest_right(usual, &expected).or_else(|e| {
        let last = vec![measured(Contraction::Plain)];
        fastest_right(last, &expected).map_err(|_| e)
    })?;
    gpu.set_contraction(best);
    if let Some(file) = file {
        // A cache that cannot be written costs time, not correctness.
        let _ = cache::write(&file, &key, best);
    }
    Ok(())
}

fn is_cooperative(family: &Contraction) -> bool {
    matches!(family, Contraction::Cooperative { .. })
}

/// A software adapter emulates cooperative matrices, and compiling that would cost its first start seconds.
fn worth_measuring(mut candidates: Vec<Contraction>, software: bool) -> Vec<Contraction> {
    candidates.retain(|c| *c != Contraction::Plain && !(software && is_cooperative(c)));
    candidates
}

/// The precisions that tell the candidates apart: cooperative matrices may be there for f16 alone.
fn precisions(candidates: &[Contraction]) -> &'static [DType] {
    if candidates.iter().any(is_cooperative) { &[DType::F32, DType::F16] } else { &[DType::F32] }
}

/// What a family does on each trial.
fn measure(gpu: &mut Gpu, trials: &[Trial], family: Contraction, precisions: &[DType]) -> Measured {
    let before = gpu.target().contraction;
    gpu.set_contraction(family);
    let results = trials.iter().map(|trial| {
        let runs = precisions.iter().map(|p| trial.run(gpu, *p)).collect::<Result<Vec<_>>>()?;
        let (seconds, outputs): (Vec<f64>, Vec<_>) = runs.into_iter().unzip();
        Ok(Run { depth: trial.depth(), seconds: seconds.iter().sum(), outputs })
    });
    let results = results.collect();
    gpu.set_contraction(before);
    results
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrices_are_timed_on_gpus_alone_and_in_f16_too() {
        let matrices = Contraction::Cooperative { lanes: 32, f32: 0, f16: 16, depth: 0 };
        let all = vec![Contraction::Tiled, matrices, Contraction::Plain];
        assert_eq!(worth_measuring(all.clone(), true), [Contraction::Tiled]);
        assert_eq!(worth_measuring(all.clone(), false), [Contraction::Tiled, matrices]);
        assert_eq!(precisions(&all), [DType::F32, DType::F16], "in f32 both are the tiled kernel");
        assert_eq!(precisions(&[Contraction::Tiled]), [DType::F32]);
    }
}
