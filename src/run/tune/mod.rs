//! A short measured tuning: which contraction family is fastest on this adapter, among those that compute what plain loops
//! compute. The answer is cached on disk, keyed by everything that could change it.

pub mod trial;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use self::trial::Trial;
use super::verify::rel_l2;
use crate::base::{DType, Error, Kind, Result};
use crate::gpu::Gpu;
use crate::kernel::Contraction;

/// Bump when kernels change enough for old measurements to mislead.
const VERSION: u32 = 5;

/// Relative L2 distance from the plain loops up to which a family computes the right thing, in f16 storage too.
const AGREEMENT: f64 = 5e-3;

/// Measures the candidates the adapter can run and keeps the fastest that computes the right thing, or reads the answer
/// from `cache`; an only candidate is tried too. Wide loads are taken unmeasured. An adapter without a right one is an error: every picture would be wrong.
pub fn tune(gpu: &mut Gpu, cache: Option<&Path>) -> Result<()> {
    let candidates = gpu.contraction_candidates().to_vec();
    if matches!(candidates.first(), None | Some(Contraction::Wide { .. })) {
        // Where 64-bit loads are offered they won on every driver measured (benches/NOTES.md); measuring the others again
        // would cost a first start seconds of compiling.
        return Ok(());
    }
    let file = cache.map(|dir| dir.join("tuning.json"));
    let key = key(gpu);
    if let Some(found) = file.as_deref().and_then(|f| read(f, &key, &candidates)) {
        gpu.set_contraction(found);
        return Ok(());
    }
    let candidates = worth_measuring(candidates, gpu.summary().software);
    let tries = precisions(&candidates);
    let trial = Trial::new(gpu.summary().software)?;
    let measured = candidates.into_iter().map(|family| (family, measure(gpu, &trial, family, tries))).collect();
    let best = fastest_right(measured, &trial.expected()?)?;
    gpu.set_contraction(best);
    if let Some(file) = file {
        // A cache that cannot be written costs time, not correctness.
        let _ = write(&file, &key, best);
    }
    Ok(())
}

/// What a family took, in seconds, and its probed outputs in every precision.
type Measured = Result<(f64, Vec<Vec<f32>>)>;

/// The fastest family whose outputs are `right` in every precision. A driver may refuse a kernel that others take, or
/// miscompile it: then it is no candidate here.
fn fastest_right(measured: Vec<(Contraction, Measured)>, right: &[f32]) -> Result<Contraction> {
    let mut best = None;
    let mut refused = None;
    for (family, result) in measured {
        match result {
            Ok((seconds, outputs)) if outputs.iter().all(|o| rel_l2(o, right) < AGREEMENT) => {
                if best.is_none_or(|(_, least)| seconds < least) {
                    best = Some((family, seconds));
                }
            }
            Ok(_) => {}
            Err(e) => refused = Some(e),
        }
    }
    match (best, refused) {
        (Some((family, _)), _) => Ok(family),
        (None, Some(e)) => Err(e),
        (None, None) => Err(Error::new(Kind::Device, "this device computes wrong sums")
            .why("every contraction kernel differs from plain loops on the CPU, so every picture would be wrong")
            .advice("update its driver, or choose another with --device; `vernis doctor` lists what fails")),
    }
}

/// Adapter, driver, engine and tuning version.
fn key(gpu: &Gpu) -> String {
    let s = gpu.summary();
    format!("{}/{}/{}/{}/{VERSION}", s.name, s.driver, s.backend, env!("CARGO_PKG_VERSION"))
}

fn is_cooperative(family: &Contraction) -> bool {
    matches!(family, Contraction::Cooperative { .. })
}

/// A software adapter emulates cooperative matrices, and compiling that would cost its first start seconds.
fn worth_measuring(mut candidates: Vec<Contraction>, software: bool) -> Vec<Contraction> {
    candidates.retain(|c| !software || !is_cooperative(c));
    candidates
}

/// The precisions that tell the candidates apart: cooperative matrices may be there for f16 alone.
fn precisions(candidates: &[Contraction]) -> &'static [DType] {
    if candidates.iter().any(is_cooperative) { &[DType::F32, DType::F16] } else { &[DType::F32] }
}

/// A family's seconds on the trial, the precisions added up, and its probed outputs in each.
fn measure(gpu: &mut Gpu, trial: &Trial, family: Contraction, precisions: &[DType]) -> Measured {
    let before = gpu.target().contraction;
    gpu.set_contraction(family);
    let results: Result<Vec<_>> = precisions.iter().map(|p| trial.run(gpu, *p)).collect();
    gpu.set_contraction(before);
    let (seconds, outputs): (Vec<f64>, Vec<_>) = results?.into_iter().unzip();
    Ok((seconds.iter().sum(), outputs))
}

fn name(family: Contraction) -> String {
    match family {
        Contraction::Subgroup { lanes, cols } => format!("subgroup-{lanes}-{cols}"),
        Contraction::Wide { lanes } => format!("wide-{lanes}"),
        Contraction::Tiled => "tiled".into(),
        Contraction::Cooperative { lanes, f32, f16 } => format!("cooperative-{lanes}-{f32}-{f16}"),
    }
}

fn table(file: &Path) -> Value {
    std::fs::read(file).ok().and_then(|b| serde_json::from_slice(&b).ok()).filter(Value::is_object).unwrap_or(json!({}))
}

fn read(file: &Path, key: &str, candidates: &[Contraction]) -> Option<Contraction> {
    let table = table(file);
    let wanted = table.get(key)?.as_str()?;
    candidates.iter().copied().find(|c| name(*c) == wanted)
}

fn write(file: &PathBuf, key: &str, family: Contraction) -> std::io::Result<()> {
    let mut table = table(file);
    table[key] = json!(name(family));
    if let Some(dir) = file.parent() {
        std::fs::create_dir_all(dir)?;
    }
    // Whole or not at all: another process may read it meanwhile.
    let mut temporary = tempfile::NamedTempFile::new_in(file.parent().unwrap_or(Path::new(".")))?;
    std::io::Write::write_all(&mut temporary, format!("{table:#}").as_bytes())?;
    temporary.persist(file).map_err(|e| e.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrices_are_timed_on_gpus_alone_and_in_f16_too() {
        let matrices = Contraction::Cooperative { lanes: 32, f32: 0, f16: 16 };
        let all = vec![Contraction::Tiled, matrices];
        assert_eq!(worth_measuring(all.clone(), true), [Contraction::Tiled]);
        assert_eq!(worth_measuring(all.clone(), false), all);
        assert_eq!(precisions(&all), [DType::F32, DType::F16], "in f32 both are the tiled kernel");
        assert_eq!(precisions(&[Contraction::Tiled]), [DType::F32]);
    }

    #[test]
    fn a_family_that_computes_wrongly_is_never_chosen() {
        let right = vec![1.0, 2.0, 3.0];
        let bent = vec![1.0, 2.0, 3.1];
        let half = vec![1.001, 2.0, 3.0];
        let subgroup = Contraction::Subgroup { lanes: 8, cols: 2 };
        let refused = || Error::new(Kind::Device, "refused");
        let of = |a: Measured, b: Measured| fastest_right(vec![(Contraction::Tiled, a), (subgroup, b)], &right);
        assert_eq!(of(Ok((2.0, vec![right.clone()])), Ok((1.0, vec![half.clone()]))).unwrap(), subgroup);
        assert_eq!(
            of(Ok((2.0, vec![right.clone()])), Ok((1.0, vec![right.clone(), bent.clone()]))).unwrap(),
            Contraction::Tiled
        );
        assert_eq!(
            of(Ok((1.0, vec![vec![f32::NAN; 3]])), Ok((2.0, vec![right.clone()]))).unwrap(),
            subgroup,
            "the first too"
        );
        assert_eq!(of(Err(refused()), Ok((2.0, vec![right.clone()]))).unwrap(), subgroup);
        let none = of(Ok((1.0, vec![bent.clone()])), Ok((1.0, vec![bent.clone()]))).unwrap_err();
        assert_eq!((none.kind(), none.what()), (Kind::Device, "this device computes wrong sums"));
        assert_eq!(of(Err(refused()), Ok((1.0, vec![bent]))).unwrap_err().what(), "refused");
    }

    #[test]
    fn every_family_is_found_again_under_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tuning.json");
        let all = [
            Contraction::Tiled,
            Contraction::Wide { lanes: 8 },
            Contraction::Subgroup { lanes: 8, cols: 2 },
            Contraction::Cooperative { lanes: 32, f32: 0, f16: 16 },
            Contraction::Cooperative { lanes: 32, f32: 8, f16: 16 },
        ];
        for family in all {
            write(&file, "adapter", family).unwrap();
            assert_eq!(read(&file, "adapter", &all), Some(family));
        }
    }
}
