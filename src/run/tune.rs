//! A short measured tuning: which contraction family is fastest on this adapter. The answer is cached on disk, keyed by
//! everything that could change it.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};

use super::plan::Plan;
use super::verify::rel_l2;
use crate::base::{Channels, DType, Result, Shape};
use crate::checkpoint::StateDict;
use crate::checkpoint::prepack::{Matrix, Pack, Panels};
use crate::gpu::{Gpu, WeightBuffers};
use crate::graph::Graph;
use crate::kernel::Contraction;
use crate::ops::matmul::contract::Contract;

/// Bump when kernels change enough for old measurements to mislead.
const VERSION: u32 = 3;

/// Relative L2 distance up to which two families compute the same, in f16 storage too.
const AGREEMENT: f64 = 5e-3;

/// Measures the candidates the adapter can run and keeps the fastest, or reads the answer from `cache`. Wide loads are
/// taken unmeasured.
pub fn tune(gpu: &mut Gpu, cache: Option<&Path>) -> Result<()> {
    let candidates = gpu.contraction_candidates().to_vec();
    let [first, _, ..] = candidates[..] else { return Ok(()) };
    if matches!(first, Contraction::Wide { .. }) {
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
    let (seconds, right) = measure(gpu, first, tries)?;
    let mut best = (first, seconds);
    for family in &candidates[1..] {
        // A driver may refuse a kernel that others take, or miscompile it: then it is no candidate here.
        let Ok((seconds, output)) = measure(gpu, *family, tries) else { continue };
        if seconds < best.1 && rel_l2(&output, &right) < AGREEMENT {
            best = (*family, seconds);
        }
    }
    gpu.set_contraction(best.0);
    if let Some(file) = file {
        // A cache that cannot be written costs time, not correctness.
        let _ = write(&file, &key, best.0);
    }
    Ok(())
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

/// Edge of the picture and channels of the convolution that is timed: on a GPU large enough to keep all of it busy for
/// a multiple of what a submit takes, on a software adapter small enough for a first start.
const fn extent(software: bool) -> (u32, u32) {
    if software { (96, 64) } else { (256, 192) }
}

/// Best of a few replays of a 1x1 convolution of a typical size, the precisions added up, and the outputs of all.
fn measure(gpu: &mut Gpu, family: Contraction, precisions: &[DType]) -> Result<(f64, Vec<f32>)> {
    let before = gpu.target().contraction;
    gpu.set_contraction(family);
    let results: Result<Vec<_>> = precisions.iter().map(|p| timed(gpu, *p)).collect();
    gpu.set_contraction(before);
    let (seconds, outputs): (Vec<f64>, Vec<_>) = results?.into_iter().unzip();
    Ok((seconds.iter().sum(), outputs.concat()))
}

fn timed(gpu: &Gpu, precision: DType) -> Result<(f64, Vec<f32>)> {
    let (edge, width) = extent(gpu.summary().software);
    let channels = Channels::one(width);
    let mut graph = Graph::new(gpu.target().clone(), precision);
    let x = graph.input("x", Shape::new(1, edge, edge, width));
    let matrix = Matrix {
        weight: "w".into(),
        bias: None,
        rows: None,
        columns: None,
        kernel: (1, 1),
        inputs: channels.clone(),
        outputs: channels.clone(),
        gamma: None,
        beta: None,
        out_scale: None,
        gated: false,
        swapped: false,
    };
    let w = graph.param(Pack::Matrix(matrix));
    let y = graph.add("tune", Contract::linear(channels, false), &[x], &[w])?;
    graph.output("y", y);
    let rule = json!({"seed": 1, "tensors": [{"name": "w", "shape": [width, width], "lo": -0.1, "hi": 0.1}]});
    let dict = StateDict::generated(crate::checkpoint::GeneratedWeights::from_json(&rule)?, "tuning");
    let panels = Panels { plain: gpu.target().panel_quads(false), gated: gpu.target().panel_quads(true) };
    let mut weights = WeightBuffers::default();
    let bytes = graph.params[0].pack(&dict, panels, precision)?;
    let index = weights.push(gpu, "tuning", &bytes)?;
    let mut plan = Plan::new(gpu, graph, &weights, &[index])?;
    // No two neighbours are equal, so that a kernel that mixes up rows or channels is found.
    let values: Vec<f32> =
        (0..edge * edge * width).map(|i| (i.wrapping_mul(40_503) >> 8 & 255) as f32 / 255.0).collect();
    plan.upload(gpu, "x", &values)?;
    // The first run compiles.
    plan.run(gpu, &mut |_| true)?;
    let mut best = f64::INFINITY;
    for _ in 0..4 {
        let start = Instant::now();
        let seconds = if gpu.summary().timestamps {
            plan.profile(gpu)?.iter().map(|step| step.seconds).sum()
        } else {
            plan.run(gpu, &mut |_| true)?;
            start.elapsed().as_secs_f64()
        };
        best = best.min(seconds);
    }
    Ok((best, plan.read(gpu, "y")?))
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
