//! End to end: a noisy PNG is read, restored by the shipped denoiser, and written again. The gate is the purpose: the
//! result must lie nearer to the clean picture than what went in.

use std::path::Path;
use std::time::Instant;

use super::gate::{Outcome, Verdict};
use super::report::{Group, Row};
use super::stats::{Policy, Samples, sample};
use super::synthetic;
use crate::base::file::write_atomic;
use crate::base::{DType, Error, Kind, Result};
use crate::gpu::Gpu;
use crate::image::compare::psnr;
use crate::image::{EncodeOptions, Format, Limits, Picture, decode_file, encode};
use crate::run::conditions::Conditioning;
use crate::run::model::Model;
use crate::run::restore::restore;
use crate::run::shipped;
use crate::run::tiling::{Request, TileChoice, layout};

const MODEL: &str = "nafnet-denoise";
/// Noise of the input, as a share of white.
const NOISE: f32 = 25.0 / 255.0;
/// The denoiser must gain at least this much.
const GAIN_DB: f64 = 3.0;

/// Times the way of one picture of `edge` x `edge`.
pub fn time(gpu: &Gpu, edge: u32, policy: &Policy) -> Result<Row> {
    let dir =
        tempfile::tempdir().map_err(|e| Error::new(Kind::Output, "cannot create a temporary directory").why(e))?;
    let (input, output) = (dir.path().join("in.png"), dir.path().join("out.png"));
    let clean = scene(edge);
    write(&input, &Picture::from_rgb(edge, edge, noisy(&clean.rgb)))?;

    let start = Instant::now();
    let mut model = Model::new(shipped::open(MODEL, None)?)?;
    let loading = start.elapsed().as_secs_f64();
    let request = Request {
        size: (edge, edge),
        extra: &[],
        precision: DType::F32,
        choice: TileChoice::Auto,
        budget: 2 << 30,
        official: None,
    };
    let at = layout(&model, gpu, &request)?;
    let mut work = || -> Result<()> {
        let picture = decode_file(&input, &Limits::default())?;
        let nothing = Conditioning::default();
        let restored = restore(&mut model, gpu, &picture, &nothing, &at, &mut Vec::new(), &mut |_| true)?;
        write(&output, &restored)
    };
    let samples: Samples = sample(policy, || Ok(()), &mut work, |_| Ok(()))?;
    let before = psnr(&decode_file(&input, &Limits::default())?.rgb, &clean.rgb);
    let after = psnr(&decode_file(&output, &Limits::default())?.rgb, &clean.rgb);
    let outcome = if after >= before + GAIN_DB { Outcome::Pass } else { Outcome::Fail };
    let reference = format!("the clean picture: {before:.1} dB before, {after:.1} dB after");
    let verdict = Verdict { outcome, error: None, reference };
    let mut row = Row::new(Group::File, MODEL, (edge, edge), DType::F32.name(), &samples).gated(verdict);
    row.compile_ms = 1e3 * loading + (1e3 * samples.first - row.median_ms).max(0.0);
    row.peak_bytes = at.peak_bytes();
    row.dispatches = at.cost.dispatches * at.tiles.len();
    row.flops = at.cost.flops * at.tiles.len() as u64;
    Ok(row)
}

fn write(path: &Path, picture: &Picture) -> Result<()> {
    let file = encode(picture, Format::Png, &EncodeOptions::default())?;
    write_atomic(path, &file.bytes, true)
}

/// A picture with slopes, edges and fine lines.
fn scene(edge: u32) -> Picture {
    let value = |x: u32, y: u32, c: u32| {
        let (u, v) = (x as f32 / edge as f32, y as f32 / edge as f32);
        let slope = 0.3 + 0.4 * u * (1.0 - v);
        let disc = if (u - 0.5).hypot(v - 0.4) < 0.25 { 0.25 } else { 0.0 };
        let lines = 0.08 * (40.0 * u + 13.0 * v * (c + 1) as f32).sin();
        (slope + disc + lines).clamp(0.0, 1.0)
    };
    let pixels = (0..edge).flat_map(|y| (0..edge).flat_map(move |x| (0..3).map(move |c| value(x, y, c))));
    Picture::from_rgb(edge, edge, pixels.collect())
}

/// Adds noise of deviation [`NOISE`]: the sum of twelve uniform values is nearly normal.
fn noisy(rgb: &[f32]) -> Vec<f32> {
    let uniform = synthetic::values("noise", 12 * rgb.len());
    let normal = uniform.chunks_exact(12).map(|c| c.iter().sum::<f32>() - 6.0);
    rgb.iter().zip(normal).map(|(v, n)| (v + NOISE * n).clamp(0.0, 1.0)).collect()
}
