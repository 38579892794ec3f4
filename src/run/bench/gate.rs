//! The correctness gate: no time without a right result.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::kernels::Case;
use super::plain::Plain;
use super::stats::worse;
use super::workloads::Job;
use crate::base::{DType, Result};
use crate::gpu::Gpu;
use crate::kernel::Contraction;
use crate::run::model::Model;
use crate::run::plan::PlanKey;
use crate::run::verify::rel_l2;

/// What the gate found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    pub outcome: Outcome,
    /// Relative L2 distance from the reference; the worst of the outputs that were looked at.
    pub error: Option<f64>,
    /// What it was compared with.
    pub reference: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    #[serde(rename = "pass")]
    Pass,
    #[serde(rename = "FAIL")]
    Fail,
    /// There was nothing to compare with: the row is shown and never ranked.
    #[serde(rename = "unchecked")]
    Unchecked,
}

impl Outcome {
    pub const fn name(self) -> &'static str {
        match self {
            Outcome::Pass => "pass",
            Outcome::Fail => "FAIL",
            Outcome::Unchecked => "unchecked",
        }
    }
}

/// Largest relative L2 distance of a whole network.
pub const fn tolerance(precision: DType) -> f64 {
    match precision {
        DType::F32 => 1e-4,
        DType::F16 => 2e-2,
    }
}

/// What the outputs of a network are compared with.
pub enum Reference {
    /// All values, as another kernel family computed them in f32.
    Values(Vec<f32>, String),
    /// Some values stored in the repository.
    Probes(Vec<f32>),
    /// A kernel: plain loops.
    Plain(Vec<(usize, f32)>),
    None,
}

impl Reference {
    /// Stored probes, else the output of another contraction family on the same device, in f32.
    pub fn of_network(
        gpu: &mut Gpu,
        open: &dyn Fn() -> Result<Model>,
        job: &Job,
        stored: Option<&str>,
    ) -> Result<Reference> {
        if let Some(probes) = stored.and_then(probes) {
            return Ok(Reference::Probes(probes));
        }
        let (values, family) = by_another_family(gpu, open, job)?;
        Ok(Reference::Values(values, format!("{} f32", family_name(family))))
    }

    /// 64 elements of a kernel's output, corners and seams of tiles among them.
    pub fn of_kernel(case: &Case, plain: &Plain<'_>) -> Reference {
        let (w, h) = (case.width as usize, case.height as usize);
        let elements = (0..64usize).map(|i| {
            let (px, py) = match i {
                0 => (0, 0),
                1 => (w - 1, h - 1),
                2 => (w - 1, 0),
                _ => (i * 7919 % w, i * 104_729 % h),
            };
            let c = i * 31 % plain.width();
            ((py * w + px) * plain.width() + c, plain.at(px, py, c) as f32)
        });
        Reference::Plain(elements.collect())
    }

    /// Compares outputs, logical channels without padding.
    pub fn judge(&self, outputs: &[Vec<f32>], tolerance: f64) -> Verdict {
        let name = match self {
            Reference::Values(_, name) => name.clone(),
            Reference::Probes(_) => format!("stored probes, suite {}", super::SUITE),
            Reference::Plain(_) => "plain loops".into(),
            Reference::None => {
                return Verdict { outcome: Outcome::Unchecked, error: None, reference: "none".into() };
            }
        };
        let worst = outputs.iter().map(|o| self.distance(o)).fold(0.0, worse);
        let passed = !outputs.is_empty() && worst <= tolerance;
        let outcome = if passed { Outcome::Pass } else { Outcome::Fail };
        // JSON knows no NaN.
        Verdict { outcome, error: worst.is_finite().then_some(worst), reference: name }
    }

    fn distance(&self, output: &[f32]) -> f64 {
        match self {
            Reference::Values(expected, _) => rel_l2(output, expected),
            Reference::Probes(expected) => rel_l2(&probe(output), expected),
            Reference::Plain(elements) => {
                let at = |(i, _): &(usize, f32)| output.get(*i).copied().unwrap_or(f32::NAN);
                let ours: Vec<f32> = elements.iter().map(at).collect();
                rel_l2(&ours, &elements.iter().map(|(_, v)| *v).collect::<Vec<f32>>())
            }
            Reference::None => f64::INFINITY,
        }
    }
}

/// The output of a network in f32 as another family computes it, and which.
pub fn by_another_family(
    gpu: &mut Gpu,
    open: &dyn Fn() -> Result<Model>,
    job: &Job,
) -> Result<(Vec<f32>, Contraction)> {
    let chosen = gpu.target().contraction;
    let other = other_family(chosen);
    gpu.set_contraction(other);
    // Weights are packed for one family, so this one has a model of its own.
    let result = open().and_then(|mut model| compute(gpu, &mut model, job));
    gpu.set_contraction(chosen);
    Ok((result?, other))
}

/// A family that every device runs and that shares as little code as possible with `chosen`: the two for subgroups share a
/// kernel, and what matrices do not serve is tiled.
fn other_family(chosen: Contraction) -> Contraction {
    match chosen {
        Contraction::Tiled { .. } | Contraction::Cooperative { .. } => Contraction::Plain,
        Contraction::Subgroup { .. } | Contraction::Wide { .. } | Contraction::Plain => Contraction::TILED,
    }
}

pub fn family_name(family: Contraction) -> String {
    match family {
        Contraction::Subgroup { lanes, cols } => format!("subgroup of {lanes}, {cols} columns"),
        Contraction::Wide { lanes } => format!("wide subgroup of {lanes}"),
        Contraction::Tiled { rows: 8 } => "tiled".into(),
        Contraction::Tiled { rows } => format!("tiled, {rows} rows"),
        Contraction::Plain => "plain".into(),
        Contraction::Cooperative { lanes, f32, f16, depth } => {
            let from = 4 * depth;
            format!("cooperative matrices of {f32} in f32 and {f16} in f16 from {from} k on, subgroups of {lanes}")
        }
    }
}

/// The output of a network in f32.
pub fn compute(gpu: &Gpu, model: &mut Model, job: &Job) -> Result<Vec<f32>> {
    output(gpu, model, &PlanKey { precision: DType::F32, ..job.key.clone() }, job)
}

/// The output of the plan of `key` for the inputs of `job`, logical channels without padding.
pub fn output(gpu: &Gpu, model: &mut Model, key: &PlanKey, job: &Job) -> Result<Vec<f32>> {
    let plan = model.plan(gpu, key)?;
    for (name, values) in &job.inputs {
        plan.upload(gpu, name, values)?;
    }
    plan.run(gpu, &mut |_| true)?;
    Ok(plan.output_shape("output")?.strip_channels(&plan.read(gpu, "output")?))
}

/// Values of an output that a stored reference holds.
pub const PROBES: usize = 128;

/// Places spread over the whole output: one in each of as many equal stretches, at another depth of each, so that all
/// rows and columns of a picture have their turn.
pub fn probe(output: &[f32]) -> Vec<f32> {
    let stride = output.len() / PROBES;
    (0..PROBES).map(|i| output.get(i * stride + i * 7919 % stride.max(1)).copied().unwrap_or(f32::NAN)).collect()
}

/// The stored values of `name`, such as `nafnet-w32 256x256`.
pub fn probes(name: &str) -> Option<Vec<f32>> {
    static STORED: OnceLock<Value> = OnceLock::new();
    let stored = STORED.get_or_init(|| serde_json::from_str(include_str!("probes_v1.json")).unwrap_or(Value::Null));
    let values = stored.get(name)?.as_array()?;
    values.iter().map(|v| v.as_f64().map(|v| v as f32)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output() -> Vec<f32> {
        (0..4096).map(|i| (i as f32 * 0.01).sin()).collect()
    }

    fn outcome(reference: &Reference, output: Vec<f32>) -> Outcome {
        reference.judge(&[output], 1e-4).outcome
    }

    #[test]
    fn the_right_output_passes() {
        let values = Reference::Values(output(), "itself".into());
        assert_eq!(outcome(&values, output()), Outcome::Pass);
        assert_eq!(outcome(&Reference::Probes(probe(&output())), output()), Outcome::Pass);
    }

    #[test]
    fn bent_outputs_fail() {
        let values = Reference::Values(output(), "itself".into());
        let mut bent = output();
        bent[1234] += 0.1;
        assert_eq!(outcome(&values, bent.clone()), Outcome::Fail);
        bent[1234] = f32::NAN;
        assert_eq!(outcome(&values, bent), Outcome::Fail);
        assert_eq!(outcome(&values, output()[1..].to_vec()), Outcome::Fail);
        assert_eq!(values.judge(&[], 1e-4).outcome, Outcome::Fail, "no output is no pass");
        let second = vec![output(), vec![0.0; 4096]];
        assert_eq!(values.judge(&second, 1e-4).outcome, Outcome::Fail, "every output counts");
        let shifted = output().iter().map(|v| v + 0.001).collect();
        assert_eq!(outcome(&Reference::Probes(probe(&output())), shifted), Outcome::Fail);
    }

    #[test]
    fn probes_reach_every_part_of_a_picture() {
        let edge = 1024;
        let columns: Vec<f32> = (0..edge * edge * 3).map(|i| (i / 3 % edge) as f32).collect();
        let mut quarters = [0; 4];
        probe(&columns).iter().for_each(|c| quarters[*c as usize * 4 / edge] += 1);
        assert!(quarters.iter().all(|n| *n > PROBES / 8), "{quarters:?}");
    }

    #[test]
    fn nothing_to_compare_with_is_no_pass() {
        assert_eq!(outcome(&Reference::None, output()), Outcome::Unchecked);
    }

    #[test]
    fn another_family_is_another_kernel() {
        for chosen in [
            Contraction::Subgroup { lanes: 8, cols: 2 },
            Contraction::Wide { lanes: 8 },
            Contraction::TILED,
            Contraction::Tiled { rows: 4 },
            Contraction::Plain,
            Contraction::Cooperative { lanes: 32, f32: 0, f16: 16, depth: 24 },
        ] {
            // Of both storages and all depths: a family with matrices has tiles for some.
            for (precision, quads) in [(DType::F32, 100), (DType::F16, 1), (DType::F16, 100)] {
                assert_ne!(other_family(chosen), chosen.at(precision, quads), "{chosen:?}");
            }
        }
    }
}
