//! The ceilings of a device, measured: FMA and matrix peak, copy bandwidth, launch latency. Only operations that were
//! asked for are counted; what the engine has no kernel for is absent, never zero.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::cooperative;
use super::gate::{Outcome, Verdict};
use super::stats::{median, worse};
use crate::base::{DType, Result};
use crate::gpu::{Gpu, Program, Transfer, WeightBuffers};
use crate::kernel::generated::{bench_copy as copy, bench_fma as fma};
use crate::kernel::{Binding, Commands, Dispatch, Key, Slot, Step, TensorId};

/// Measured ceilings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Micro {
    /// Operations of f32 FMA chains in registers, 10^9 a second.
    pub fma_gflops: f64,
    /// A kernel for this does not exist yet.
    pub fma_f16_gflops: Option<f64>,
    /// Cooperative matrices in registers, by the type of their operands, with f32 sums.
    pub cooperative_f32_gflops: Option<f64>,
    pub cooperative_f16_gflops: Option<f64>,
    /// A kernel that copies, reads and writes counted, 10^9 bytes a second.
    pub copy_gbs: f64,
    /// Buffer to buffer, reads and writes counted.
    pub d2d_gbs: f64,
    /// To and from host memory.
    pub h2d_gbs: f64,
    pub d2h_gbs: f64,
    /// From submitting one empty dispatch to knowing that it is done, microseconds.
    pub submit_us: f64,
    /// One more dispatch in a pass, microseconds.
    pub dispatch_us: f64,
    /// Whether the copied bytes and the sums were right.
    pub gate: Verdict,
}

/// FMAs of one round of fma.wgsl for each chain.
const UNROLL: u64 = 8;
const FACTOR: f32 = 0.9995;
const SLOPE: f32 = 0.0005;

/// Measures everything; about two seconds.
pub fn measure(gpu: &Gpu) -> Result<Micro> {
    let software = gpu.summary().software;
    let mut error = 0.0f64;
    let mut best = 0.0f64;
    for chains in [2, 3, 8] {
        let (gflops, wrong) = fma_peak(gpu, chains, software)?;
        best = best.max(gflops);
        error = worse(error, wrong);
    }
    let single = cooperative::peak(gpu, DType::F32)?;
    let half = cooperative::peak(gpu, DType::F16)?;
    for (_, wrong) in single.iter().chain(&half) {
        error = worse(error, *wrong);
    }
    let bytes: u64 = if software { 64 << 20 } else { 256 << 20 };
    let bytes = bytes.min(gpu.target().max_binding_bytes / 16 * 16);
    let (copy_gbs, wrong) = copy_kernel(gpu, bytes)?;
    error = worse(error, wrong);
    let (d2d_gbs, h2d_gbs, d2h_gbs, wrong) = transfers(gpu, bytes)?;
    error = worse(error, wrong);
    let one = empty(gpu, 1)?;
    let many = empty(gpu, 257)?;
    let outcome = if error <= 1e-3 { Outcome::Pass } else { Outcome::Fail };
    Ok(Micro {
        fma_gflops: best,
        fma_f16_gflops: None,
        cooperative_f32_gflops: single.map(|(gflops, _)| gflops),
        cooperative_f16_gflops: half.map(|(gflops, _)| gflops),
        copy_gbs,
        d2d_gbs,
        h2d_gbs,
        d2h_gbs,
        submit_us: 1e6 * one,
        dispatch_us: 1e6 * (many - one).max(0.0) / 256.0,
        gate: Verdict { outcome, error: error.is_finite().then_some(error), reference: "closed forms".into() },
    })
}

/// The shortest of a few replays, in seconds, on the clock that kernels are judged by: a ceiling is what is possible, not
/// what is usual.
pub(super) fn best_of(gpu: &Gpu, program: &mut Program, runs: usize) -> Result<f64> {
    let mut best = f64::INFINITY;
    for _ in 0..=runs {
        let start = Instant::now();
        let seconds = if gpu.summary().timestamps {
            program.profile(gpu)?.iter().map(|s| s.seconds).sum()
        } else {
            program.run(gpu, &mut |_| true)?;
            start.elapsed().as_secs_f64()
        };
        best = best.min(seconds);
    }
    Ok(best)
}

/// A program of equal dispatches over tensors of the given sizes; the last tensor is the output.
pub(super) fn program(gpu: &Gpu, dispatch: &Dispatch, count: usize, sizes: &[u64]) -> Result<Program> {
    let step = Step { dispatch: dispatch.clone(), op: "bench", path: "bench".into() };
    let commands = Commands {
        steps: vec![step; count],
        slots: sizes.iter().map(|bytes| Slot { bytes: *bytes }).collect(),
        slot_of: (0..sizes.len()).map(Some).collect(),
        bytes_of: sizes.to_vec(),
        inputs: Vec::new(),
        outputs: vec![TensorId(sizes.len() as u32 - 1)],
    };
    Program::new(gpu, commands, &WeightBuffers::default(), &[])
}

pub(super) fn tensor(i: u32) -> Binding {
    TensorId(i).into()
}

/// The rate of FMA chains and how far their sums are off.
fn fma_peak(gpu: &Gpu, chains: u64, software: bool) -> Result<(f64, f64)> {
    let total: u32 = if software { 1 << 14 } else { 1 << 20 };
    let dispatch_for = |rounds: u32| {
        let params = fma::Params { total, rounds, factor: FACTOR, slope: SLOPE };
        let key = Key::new(fma::NAME).define("CHAINS", chains);
        let flops = u64::from(total) * u64::from(rounds) * UNROLL * chains * 8;
        Dispatch::new(key, &params, vec![tensor(0)], total / 64).flops(flops)
    };
    let rounds = 256;
    let dispatch = dispatch_for(rounds);
    let mut program = program(gpu, &dispatch, 1, &[u64::from(total) * 16])?;
    let seconds = best_of(gpu, &mut program, 5)?;
    let sums = DType::F32.unpack(&program.read(gpu, TensorId(0))?);
    // a -> factor a + slope keeps its distance to slope / (1 - factor) up to a power of the factor.
    let limit = f64::from(SLOPE) / (1.0 - f64::from(FACTOR));
    let shrink = f64::from(FACTOR).powi((u64::from(rounds) * UNROLL) as i32);
    let value = |start: f64| limit + shrink * (start - limit);
    let mut error = 0.0;
    for i in 0..64u64 {
        for lane in 0..4 {
            let expected: f64 = (0..chains).map(|c| value((i % 16 + c) as f64 + 0.25 * lane as f64)).sum();
            let ours = sums[4 * i as usize + lane];
            error = worse(error, ((f64::from(ours) - expected) / expected).abs());
        }
    }
    Ok((dispatch.flops as f64 / seconds * 1e-9, error))
}

fn copy_kernel(gpu: &Gpu, bytes: u64) -> Result<(f64, f64)> {
    let total = (bytes / 16) as u32;
    let params = copy::Params { total };
    let dispatch =
        Dispatch::new(Key::new(copy::NAME), &params, vec![tensor(0), tensor(1)], total.div_ceil(64)).flops(bytes);
    let mut program = program(gpu, &dispatch, 1, &[bytes, bytes])?;
    let data = pattern(bytes);
    program.upload(gpu, TensorId(0), &data)?;
    let seconds = best_of(gpu, &mut program, 5)?;
    let wrong = if program.read(gpu, TensorId(1))? == data { 0.0 } else { f64::NAN };
    Ok((2.0 * bytes as f64 / seconds * 1e-9, wrong))
}

fn pattern(bytes: u64) -> Vec<u8> {
    (0..bytes).map(|i| (i % 251) as u8).collect()
}

/// Device to device, host to device, device to host; 10^9 bytes a second, and NaN if a byte was lost.
fn transfers(gpu: &Gpu, bytes: u64) -> Result<(f64, f64, f64, f64)> {
    let transfer = Transfer::new(gpu, bytes)?;
    let data = pattern(bytes);
    let mut back = Vec::new();
    let mut rates = [0.0f64; 3];
    for _ in 0..4 {
        let mut timed = |which: usize, moved: f64, work: &mut dyn FnMut() -> Result<()>| -> Result<()> {
            let start = Instant::now();
            work()?;
            rates[which] = rates[which].max(moved / start.elapsed().as_secs_f64() * 1e-9);
            Ok(())
        };
        timed(1, bytes as f64, &mut || transfer.upload(gpu, &data))?;
        timed(0, 4.0 * 2.0 * bytes as f64, &mut || transfer.copy(gpu, 4))?;
        timed(2, bytes as f64, &mut || transfer.read(gpu, &mut back))?;
    }
    let wrong = if back == data { 0.0 } else { f64::NAN };
    Ok((rates[0], rates[1], rates[2], wrong))
}

/// Seconds of a submit of `count` dispatches that do next to nothing.
fn empty(gpu: &Gpu, count: usize) -> Result<f64> {
    let params = copy::Params { total: 1 };
    let dispatch = Dispatch::new(Key::new(copy::NAME), &params, vec![tensor(0), tensor(1)], 1);
    let mut program = program(gpu, &dispatch, count, &[256, 256])?;
    program.run(gpu, &mut |_| true)?;
    let mut times = Vec::new();
    for _ in 0..20 {
        let start = Instant::now();
        program.run(gpu, &mut |_| true)?;
        times.push(start.elapsed().as_secs_f64());
    }
    Ok(median(&times))
}
