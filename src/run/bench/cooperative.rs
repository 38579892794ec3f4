//! The peak of cooperative matrices, where the device offers any that the engine's kernels use.

use super::micro::{best_of, program, tensor};
use super::stats::worse;
use crate::base::{DType, Result};
use crate::gpu::Gpu;
use crate::kernel::generated::bench_cooperative as cooperative;
use crate::kernel::{Contraction, Dispatch, Key, TensorId};

/// Multiply-adds of one round of cooperative.wgsl for each chain.
const UNROLL: u64 = 8;

/// Operations a second, 10^9, and how far the sums are off; sums are f32. `None` where the device has no matrices of such
/// operands.
pub fn peak(gpu: &Gpu, operands: DType) -> Result<Option<(f64, f64)>> {
    let offered = gpu.contraction_candidates().iter().find_map(|c| match c {
        Contraction::Cooperative { lanes, .. } => Some((c.side(operands), *lanes)),
        _ => None,
    });
    let Some((side, lanes)) = offered.filter(|(side, _)| *side != 0) else { return Ok(None) };
    let (mut best, mut error) = (0.0f64, 0.0);
    for chains in [2, 8] {
        let (gflops, wrong) = chained(gpu, operands, u64::from(side), lanes, chains)?;
        best = best.max(gflops);
        error = worse(error, wrong);
    }
    Ok(Some((best, error)))
}

fn chained(gpu: &Gpu, operands: DType, side: u64, lanes: u32, chains: u64) -> Result<(f64, f64)> {
    let software = gpu.summary().software;
    let (total, rounds): (u32, u32) = if software { (1 << 6, 64) } else { (1 << 14, 256) };
    let key = Key::new(cooperative::NAME)
        .define("AB", operands.name())
        .define("SIDE", side)
        .define("LANES", lanes)
        .define("CHAINS", chains);
    let flops = u64::from(total) * u64::from(rounds) * UNROLL * chains * 2 * side.pow(3);
    let params = cooperative::Params { total, rounds };
    let dispatch = Dispatch::new(key, &params, vec![tensor(0)], total).flops(flops);
    let mut program = program(gpu, &dispatch, 1, &[u64::from(total) * side * side * 4])?;
    let seconds = best_of(gpu, &mut program, 5)?;
    // Chain c starts at c and grows by side / 256 a multiply-add; all of it is exact in f32.
    let steps = u64::from(rounds) * UNROLL * chains;
    let expected = (0..chains).sum::<u64>() as f64 + (steps * side) as f64 / 256.0;
    let sums = DType::F32.unpack(&program.read(gpu, TensorId(0))?);
    let error = sums.iter().fold(0.0, |e, s| worse(e, ((f64::from(*s) - expected) / expected).abs()));
    Ok((flops as f64 / seconds * 1e-9, error))
}
