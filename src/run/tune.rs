//! A short measured tuning: which contraction family is fastest on this adapter. The answer is cached on disk, keyed by
//! everything that could change it.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};

use super::plan::Plan;
use crate::base::{Channels, DType, Result, Shape};
use crate::checkpoint::StateDict;
use crate::checkpoint::prepack::{Matrix, Pack, Panels};
use crate::gpu::{Gpu, WeightBuffers};
use crate::graph::Graph;
use crate::kernel::Contraction;
use crate::ops::matmul::contract::Contract;

/// Bump when kernels change enough for old measurements to mislead.
const VERSION: u32 = 2;

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
    let mut best = (first, f64::INFINITY);
    for family in &candidates {
        let seconds = measure(gpu, *family)?;
        if seconds < best.1 {
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

/// Best of a few replays of a 1x1 convolution of a typical size.
fn measure(gpu: &mut Gpu, family: Contraction) -> Result<f64> {
    let before = gpu.target().contraction;
    gpu.set_contraction(family);
    let result = timed(gpu);
    gpu.set_contraction(before);
    result
}

fn timed(gpu: &Gpu) -> Result<f64> {
    let channels = Channels::one(64);
    let mut graph = Graph::new(gpu.target().clone(), DType::F32);
    let x = graph.input("x", Shape::new(1, 96, 96, 64));
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
    let rule = json!({"seed": 1, "tensors": [{"name": "w", "shape": [64, 64], "lo": -0.1, "hi": 0.1}]});
    let dict = StateDict::generated(crate::checkpoint::GeneratedWeights::from_json(&rule)?, "tuning");
    let panels = Panels { plain: gpu.target().panel_quads(false), gated: gpu.target().panel_quads(true) };
    let mut weights = WeightBuffers::default();
    let bytes = graph.params[0].pack(&dict, panels, DType::F32)?;
    let index = weights.push(gpu, "tuning", &bytes)?;
    let mut plan = Plan::new(gpu, graph, &weights, &[index])?;
    plan.upload(gpu, "x", &vec![0.5; 96 * 96 * 64])?;
    // The first run compiles.
    plan.run(gpu, &mut |_| true)?;
    let mut best = f64::INFINITY;
    for _ in 0..4 {
        let start = Instant::now();
        plan.run(gpu, &mut |_| true)?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(best)
}

fn name(family: Contraction) -> String {
    match family {
        Contraction::Subgroup { lanes, cols } => format!("subgroup-{lanes}-{cols}"),
        Contraction::Wide { lanes } => format!("wide-{lanes}"),
        Contraction::Tiled => "tiled".into(),
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
