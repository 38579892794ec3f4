//! The gate without the clock: does this device compute what it should? Every kernel of the suite in every family that
//! the device offers, against plain loops, and a network of most families against stored references.

use serde::Serialize;

use super::gate::{self, Outcome, Reference, Verdict, family_name, tolerance};
use super::kernels::{Case, KERNELS};
use super::suite::{kernel_job, probe_name};
use super::workloads::{NETWORKS, Workload};
use crate::base::{DType, Result};
use crate::gpu::Gpu;

/// What one check found.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    pub name: String,
    pub precision: &'static str,
    /// Which contraction kernels ran.
    pub family: String,
    #[serde(flatten)]
    pub verdict: Verdict,
}

impl Finding {
    pub fn failed(&self) -> bool {
        self.verdict.outcome == Outcome::Fail
    }
}

/// Runs all checks, without the networks if `kernels_only`; `say` hears each finding. A check that the device could not
/// finish is an error.
pub fn examine(gpu: &mut Gpu, kernels_only: bool, say: &mut dyn FnMut(&Finding)) -> Result<Vec<Finding>> {
    let chosen = gpu.target().contraction;
    // On a software adapter the families that were not chosen take minutes, and nothing will run them.
    let families = if gpu.summary().software { vec![chosen] } else { gpu.contraction_candidates().to_vec() };
    let mut findings = Vec::new();
    for family in families {
        gpu.set_contraction(family);
        for precision in [DType::F32, DType::F16] {
            for case in KERNELS {
                let verdict = kernel(gpu, case, precision);
                let verdict = verdict.inspect_err(|_| gpu.set_contraction(chosen))?;
                keep(case.name.into(), gpu, precision, verdict, &mut findings, say);
            }
        }
    }
    gpu.set_contraction(chosen);
    let networks = NETWORKS.iter().filter(|_| !kernels_only);
    for (workload, edge, name, reference) in networks.filter_map(smallest) {
        let mut model = workload.model()?;
        let job = workload.job(&model, edge, edge, DType::F32)?;
        let output = gate::compute(gpu, &mut model, &job)?;
        keep(name, gpu, DType::F32, reference.judge(&[output], tolerance(DType::F32)), &mut findings, say);
    }
    Ok(findings)
}

fn keep(
    name: String,
    gpu: &Gpu,
    precision: DType,
    verdict: Verdict,
    findings: &mut Vec<Finding>,
    say: &mut dyn FnMut(&Finding),
) {
    let family = family_name(gpu.target().contraction.at(precision, u32::MAX));
    let finding = Finding { name, precision: precision.name(), family, verdict };
    say(&finding);
    findings.push(finding);
}

/// A network at its smallest size that has a stored reference.
fn smallest(workload: &Workload) -> Option<(&Workload, u32, String, Reference)> {
    let mut edges = workload.edges(true);
    edges.sort_unstable();
    edges.into_iter().find_map(|edge| {
        let name = probe_name(workload.name, edge, edge);
        let reference = Reference::Probes(gate::probes(&name)?);
        Some((workload, edge, name, reference))
    })
}

fn kernel(gpu: &Gpu, case: &Case, precision: DType) -> Result<Verdict> {
    let (mut model, job, reference) = kernel_job(case, precision, true)?;
    Ok(reference.judge(&[gate::output(gpu, &mut model, &job.key, &job)?], tolerance(precision)))
}
