//! The gate without the clock: does this device compute what it should? Every kernel of the suite in every family that
//! the device offers, against plain loops, and a network of most families against stored references.

use serde::Serialize;

use super::gate::{self, Outcome, Reference, Verdict, family_name, tolerance};
use super::kernels::{Case, KERNELS};
use super::plain::Plain;
use super::suite::probe_name;
use super::workloads::{Job, NETWORKS, Workload};
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
    for (workload, edge, name) in networks.filter_map(smallest) {
        let job = workload.job(&workload.model()?, edge, edge, DType::F32)?;
        let open = || workload.model();
        let reference = Reference::of_network(gpu, &open, &job, Some(&name))?;
        let output = gate::compute(gpu, &mut workload.model()?, &job)?;
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
    let family = family_name(gpu.target().contraction.at(precision));
    let finding = Finding { name, precision: precision.name(), family, verdict };
    say(&finding);
    findings.push(finding);
}

/// A network at its smallest size that has a stored reference.
fn smallest(workload: &Workload) -> Option<(&Workload, u32, String)> {
    let mut edges = workload.edges(true);
    edges.sort_unstable();
    let named = edges.into_iter().map(|edge| (workload, edge, probe_name(workload.name, edge, edge)));
    named.into_iter().find(|(_, _, name)| gate::probes(name).is_some())
}

fn kernel(gpu: &Gpu, case: &Case, precision: DType) -> Result<Verdict> {
    let mut model = case.model()?;
    let input = case.input();
    let reference = Reference::of_kernel(case, &Plain::new(case, &input, model.dict())?);
    let job = Job { key: case.key(precision), inputs: vec![("input".into(), case.shape().pad_channels(&input))] };
    Ok(reference.judge(&[gate::output(gpu, &mut model, &job.key, &job)?], tolerance(precision)))
}
