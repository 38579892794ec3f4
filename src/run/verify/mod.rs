//! Runs conformance cases and compares every output and tap with the values of the official code.

mod adapted_unet;
mod conditioned;
mod generalist;
mod host;
mod network;
mod parts;
mod tables;
mod tasks;
mod tiled;

use crate::base::{DType, Error, Kind, Result};
use crate::checkpoint::{Case, Data};
use crate::gpu::Gpu;
use crate::models::{clip_text, convnext, diffusion_generalist, ldm_unet};

/// One compared tensor.
#[derive(Debug, Clone)]
pub struct Checked {
    pub name: String,
    /// |ours - expected| / |expected| over all values.
    pub rel_l2: f64,
    /// Outputs decide; taps only inform.
    pub decides: bool,
}

/// The outcome of a case.
#[derive(Debug, Clone)]
pub struct Verdict {
    pub case: String,
    pub precision: DType,
    pub tolerance: f64,
    pub checked: Vec<Checked>,
    /// Every output under its name in the case: shape and values as the official code returns them.
    pub tensors: Vec<(String, Vec<usize>, Data)>,
}

impl Verdict {
    pub fn passed(&self) -> bool {
        let outputs: Vec<_> = self.checked.iter().filter(|c| c.decides).collect();
        !outputs.is_empty() && outputs.iter().all(|c| c.rel_l2 <= self.tolerance)
    }
}

/// Relative L2 distance; NaN in either makes it NaN, which is within no tolerance.
pub fn rel_l2(ours: &[f32], expected: &[f32]) -> f64 {
    if ours.len() != expected.len() {
        return f64::INFINITY;
    }
    let (mut difference, mut norm) = (0.0, 0.0);
    for (a, b) in ours.iter().zip(expected) {
        difference += (f64::from(*a) - f64::from(*b)).powi(2);
        norm += f64::from(*b).powi(2);
    }
    (difference / norm.max(f64::MIN_POSITIVE)).sqrt()
}

/// Runs a case that needs no device (samplers, codecs, the tokenizer); None when it is a network.
pub fn verify_host(case: &Case) -> Option<Result<Verdict>> {
    host::run(case)
}

/// Runs `case` in `precision`.
pub fn verify(gpu: &Gpu, case: &Case, precision: DType) -> Result<Verdict> {
    if let Some(verdict) = verify_host(case) {
        return verdict;
    }
    let tolerance = match precision {
        DType::F32 => case.tolerance_f32,
        DType::F16 => case.tolerance_f16.ok_or_else(|| {
            Error::new(Kind::Usage, format!("the case {} has no f16 tolerance", case.name))
                .advice("run it with --precision f32")
        })?,
    };
    let (checked, tensors) = match case.family.as_str() {
        convnext::NAME => parts::convnext(gpu, case, precision)?,
        clip_text::NAME => parts::clip_text(gpu, case, precision)?,
        ldm_unet::NAME => parts::ldm_unet(gpu, case, precision)?,
        diffusion_generalist::NAME => generalist::run(gpu, case, precision)?,
        "ipt" => tiled::run(gpu, case, precision)?,
        "instruct-ipt" => tasks::run(gpu, case, precision)?,
        _ => network::run(gpu, case, precision)?,
    };
    Ok(Verdict { case: case.name.clone(), precision, tolerance, checked, tensors })
}

/// What running a case yields: comparisons, and the outputs to write.
type Outcome = (Vec<Checked>, Vec<(String, Vec<usize>, Data)>);
