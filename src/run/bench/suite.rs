//! What is run, in order: ceilings, kernels, networks, a file. One network alone is the same with fewer steps.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::gate::{self, Reference};
use super::kernels::{Case, KERNELS};
use super::plain::Plain;
use super::report::{Group, Report, Row};
use super::roof::Roof;
use super::stamp::Stamp;
use super::stats::Policy;
use super::timing::{Subject, sustain, time};
use super::workloads::{self, Job, NETWORKS};
use super::{SUITE, file, micro};
use crate::base::{DType, Error, Kind, Result};
use crate::gpu::Gpu;
use crate::run::model::Model;
use crate::run::plan::PlanKey;
use crate::run::shipped;
use crate::run::tiling::{Request, TileChoice, layout};
use crate::run::verify::rel_l2;

/// How much to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    Full,
    Quick,
    /// One network, or one kernel.
    One,
}

impl Extent {
    pub const fn name(self) -> &'static str {
        match self {
            Extent::Full => "full",
            Extent::Quick => "quick",
            Extent::One => "one",
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Ask {
    pub extent: Extent,
    /// Networks to time instead of the suite's: a name or a file.
    pub model: Option<String>,
    /// A kernel of the suite to time instead, by its name.
    pub kernel: Option<String>,
    /// Where installed models lie.
    pub models: Option<PathBuf>,
    pub size: Option<(u32, u32)>,
    /// `None` times f32, and f16 too in the full suite on a GPU.
    pub precision: Option<DType>,
    pub samples: Option<usize>,
    /// Measure the ceilings; a suite always does.
    pub roof: bool,
    /// Compare outputs; without it rows are unchecked and have no score.
    pub check: bool,
    pub sustained: Option<f64>,
}

impl Ask {
    fn policy(&self) -> Policy {
        let base = match self.extent {
            Extent::Full => Policy::FULL,
            Extent::Quick => Policy::QUICK,
            Extent::One => Policy::ONE,
        };
        match self.samples {
            Some(samples) => Policy { samples: samples.max(1), seconds: 0.0, ..base },
            None => base,
        }
    }

    fn precisions(&self, software: bool) -> Vec<DType> {
        match self.precision {
            Some(one) => vec![one],
            None if self.extent == Extent::Full && !software => vec![DType::F32, DType::F16],
            None => vec![DType::F32],
        }
    }

    fn kernels(&self) -> Result<Vec<&'static Case>> {
        let Some(name) = &self.kernel else {
            return Ok(if self.extent == Extent::One { Vec::new() } else { KERNELS.iter().collect() });
        };
        let found = KERNELS.iter().find(|case| case.name == name).ok_or_else(|| {
            let known: Vec<&str> = KERNELS.iter().map(|case| case.name).collect();
            Error::new(Kind::Usage, format!("the suite has no kernel {name}")).advice(known.join(", "))
        })?;
        Ok(vec![found])
    }

    /// Networks with the sizes they are timed at.
    fn jobs(&self, software: bool) -> Vec<(String, (u32, u32))> {
        let square = |edge: u32| (edge, edge);
        if self.kernel.is_some() {
            return Vec::new();
        }
        if let Some(name) = &self.model {
            return vec![(name.clone(), self.size.unwrap_or(square(256)))];
        }
        let mut jobs: Vec<(String, (u32, u32))> = Vec::new();
        if self.extent == Extent::Full {
            let networks = NETWORKS.iter().map(|w| (w.name, w.edges(software)));
            let embedded = shipped::embedded().map(|name| (name, workloads::edges(software).to_vec()));
            for (name, edges) in networks.chain(embedded) {
                jobs.extend(edges.into_iter().map(|edge| (name.to_owned(), square(edge))));
            }
        } else {
            jobs.extend(QUICK.iter().map(|(n, edge)| ((*n).to_owned(), square(*edge))));
            jobs.extend(shipped::embedded().map(|n| (n.to_owned(), square(128))));
        }
        if let Some(size) = self.size {
            jobs.iter_mut().for_each(|j| j.1 = size);
            jobs.dedup();
        }
        jobs
    }
}

/// Networks of a quick run and their edges: seconds each on two cores without a GPU.
const QUICK: &[(&str, u32)] = &[("nafnet-w32", 256), ("restormer-d48", 128), ("genlv-base", 128)];

/// Runs what `ask` says; `say` hears what is being measured.
pub fn run(gpu: &mut Gpu, ask: &Ask, say: &mut dyn FnMut(&str)) -> Result<Report> {
    let stamp = Stamp::new(gpu);
    let software = stamp.software;
    let suite = ask.extent != Extent::One;
    let mut remarks = doubts(&stamp, ask);
    let micro = if suite || ask.roof {
        say("ceilings of the device");
        Some(micro::measure(gpu)?)
    } else {
        None
    };
    let roof = micro.as_ref().map(Roof::of);
    let policy = ask.policy();
    let precisions = ask.precisions(software);
    let kernels = ask.kernels()?;
    let mut rows = Vec::new();
    for precision in &precisions {
        for case in &kernels {
            let what = format!("kernel {} {}", case.name, precision.name());
            say(&what);
            let row = kernel(gpu, case, *precision, ask.check, &policy, roof.as_ref());
            keep(row, gpu, &what, suite, &mut rows, &mut remarks)?;
        }
        for (name, size) in ask.jobs(software) {
            let what = format!("{name} {}x{} {}", size.0, size.1, precision.name());
            say(&what);
            let row = network(gpu, ask, &name, size, *precision, &policy, roof.as_ref());
            keep(row, gpu, &what, suite, &mut rows, &mut remarks)?;
        }
    }
    if suite {
        let edge = if software { 256 } else { 1024 };
        let what = format!("file to file {edge}x{edge}");
        say(&what);
        let row = file::time(gpu, edge, &policy);
        keep(row, gpu, &what, suite, &mut rows, &mut remarks)?;
    }
    if rows.iter().any(|r| r.gate.outcome != gate::Outcome::Pass) {
        remarks.push("a row was not checked, or did not pass".into());
    }
    if micro.as_ref().is_some_and(|m| m.gate.outcome != gate::Outcome::Pass) {
        remarks.push("what the ceilings were measured with computed something wrong".into());
    }
    let ranked = remarks.is_empty();
    let score = |p: &DType| Some((p.name().to_owned(), Report::score(&rows, p.name())?));
    let scores = if ranked { precisions.iter().filter_map(score).collect() } else { Vec::new() };
    let (suite, kind, league) = (SUITE.into(), ask.extent.name().into(), if software { "software" } else { "gpu" });
    Ok(Report { suite, kind, league: league.into(), ranked, remarks, scores, stamp, micro, rows })
}

/// A suite goes on without what cannot be timed, as long as there is a device: hours of rows are worth keeping.
fn keep(
    row: Result<Row>,
    gpu: &Gpu,
    what: &str,
    suite: bool,
    rows: &mut Vec<Row>,
    remarks: &mut Vec<String>,
) -> Result<()> {
    match row {
        Ok(row) => rows.push(row),
        Err(e) if suite && gpu.check().is_ok() => remarks.push(format!("{what} was left out: {e}")),
        Err(e) => return Err(e),
    }
    Ok(())
}

/// Why a report may not be ranked with others, as far as is known before anything runs.
fn doubts(stamp: &Stamp, ask: &Ask) -> Vec<String> {
    let suite = ask.extent != Extent::One;
    let doubts = [
        (ask.extent != Extent::Full, format!("{} run, not the full suite", ask.extent.name())),
        (suite && (ask.size.is_some() || ask.samples.is_some()), "the suite was changed".into()),
        (stamp.battery == Some(true), "the machine ran on its battery".into()),
        (stamp.busy(), format!("the machine was busy: load {:.1} before the run", stamp.load.unwrap_or(0.0))),
        (!stamp.optimised, "the program was built without optimisation".into()),
    ];
    doubts.into_iter().filter(|(doubt, _)| *doubt).map(|(_, why)| why).collect()
}

/// One kernel of the suite.
fn kernel(gpu: &Gpu, case: &Case, precision: DType, check: bool, policy: &Policy, roof: Option<&Roof>) -> Result<Row> {
    let (mut model, job, reference) = kernel_job(case, precision, check)?;
    let subject = Subject { group: Group::Kernel, name: case.name, job: &job, reference: &reference };
    time(gpu, &mut model, &subject, policy, roof)
}

/// What a kernel runs with, and what it is compared with if `check`.
pub fn kernel_job(case: &Case, precision: DType, check: bool) -> Result<(Model, Job, Reference)> {
    let model = case.model()?;
    let input = case.input();
    let job = Job { key: case.key(precision), inputs: vec![("input".into(), case.shape().pad_channels(&input))] };
    let reference = match check {
        true => Reference::of_kernel(case, &Plain::new(case, &input, model.dict())?),
        false => Reference::None,
    };
    Ok((model, job, reference))
}

fn network(
    gpu: &mut Gpu,
    ask: &Ask,
    name: &str,
    picture: (u32, u32),
    precision: DType,
    policy: &Policy,
    roof: Option<&Roof>,
) -> Result<Row> {
    let open = || workloads::open(name, ask.models.as_deref());
    let mut model = open()?;
    let known = NETWORKS.iter().find(|w| w.name == name);
    let job_of = |model: &Model, (width, height): (u32, u32)| match known {
        Some(workload) => workload.job(model, width, height, precision),
        None => workloads::job(model, width, height, precision),
    };
    let mut job = job_of(&model, picture)?;
    let cut = too_large(gpu, &model, picture, &job.key)?;
    if let Some((tile, _)) = cut {
        job = job_of(&model, tile)?;
    }
    let stored = known.map(|w| probe_name(w.name, job.key.part.w, job.key.part.h));
    let reference =
        if ask.check { Reference::of_network(gpu, &open, &job, stored.as_deref())? } else { Reference::None };
    let subject = Subject { group: Group::Model, name, job: &job, reference: &reference };
    let mut row = time(gpu, &mut model, &subject, policy, roof)?;
    if let Some(seconds) = ask.sustained {
        row.sustained = Some(sustain(gpu, &mut model, &job, seconds)?);
    }
    Ok(match cut {
        Some((_, count)) => row.of_picture(picture, count),
        None => row,
    })
}

/// The tile, and how many of it, of a picture that the device cannot take in one piece: cut as `restore` cuts it.
fn too_large(gpu: &Gpu, model: &Model, size: (u32, u32), key: &PlanKey) -> Result<Option<((u32, u32), u32)>> {
    match model.cost(gpu, key) {
        Ok(_) => return Ok(None),
        Err(e) if e.kind() != Kind::Memory => return Err(e),
        Err(_) => {}
    }
    let (extra, precision, choice) = (key.part.extra.as_slice(), key.precision, TileChoice::Auto);
    let request = Request { size, extra, precision, choice, budget: u64::MAX, official: None };
    let layout = layout(model, gpu, &request)?;
    Ok(Some((layout.tile(), layout.tiles.len() as u32)))
}

pub fn probe_name(name: &str, width: u32, height: u32) -> String {
    format!("{name} {width}x{height}")
}

/// The stored references of the gate: computed by two kernel families, which must agree. Adds to `out` what it lacks and
/// hands it to `keep` after each, because all of them take an hour on two cores.
pub fn probes(
    gpu: &mut Gpu,
    out: &mut Map<String, Value>,
    say: &mut dyn FnMut(&str),
    keep: &mut dyn FnMut(&Map<String, Value>) -> Result<()>,
) -> Result<()> {
    for workload in NETWORKS {
        for edge in workload.edges(true) {
            let name = probe_name(workload.name, edge, edge);
            if out.contains_key(&name) {
                continue;
            }
            say(&name);
            let job = workload.job(&workload.model()?, edge, edge, DType::F32)?;
            let (one, _) = gate::by_another_family(gpu, &|| workload.model(), &job)?;
            let two = gate::compute(gpu, &mut workload.model()?, &job)?;
            let distance = rel_l2(&one, &two);
            if distance.is_nan() || distance > gate::tolerance(DType::F32) {
                return Err(Error::new(Kind::Guard, format!("two kernel families disagree about {name}"))
                    .why(format!("relative L2 {distance:.1e}")));
            }
            out.insert(name, json!(gate::probe(&one)));
            keep(out)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::stamp::tests::stamp;
    use super::*;

    fn ask(extent: Extent) -> Ask {
        Ask {
            extent,
            model: None,
            kernel: None,
            models: None,
            size: None,
            precision: None,
            samples: None,
            roof: false,
            check: true,
            sustained: None,
        }
    }

    #[test]
    fn only_the_whole_suite_on_a_quiet_machine_is_ranked() {
        let gpu = stamp("gpu");
        let full = ask(Extent::Full);
        let release: Vec<String> = doubts(&gpu, &full);
        assert!(release.is_empty(), "{release:?}");
        assert!(!doubts(&gpu, &ask(Extent::Quick)).is_empty());
        assert!(doubts(&Stamp { software: true, ..gpu.clone() }, &full).is_empty(), "it has a league of its own");
        assert!(!doubts(&Stamp { battery: Some(true), ..gpu.clone() }, &full).is_empty());
        assert!(!doubts(&Stamp { load: Some(9.0), ..gpu.clone() }, &full).is_empty());
        assert!(!doubts(&gpu, &Ask { samples: Some(3), ..full }).is_empty());
    }

    #[test]
    fn the_suites() {
        let full = ask(Extent::Full);
        let jobs = full.jobs(false);
        for name in NETWORKS.iter().map(|w| w.name).chain(shipped::embedded()) {
            assert!(jobs.iter().any(|(n, _)| n == name), "{name}");
        }
        assert!(jobs.contains(&("nafnet-w32".into(), (1024, 1024))));
        assert_eq!(full.precisions(false).len(), 2);
        assert_eq!(full.precisions(true), [DType::F32]);
        let one = Ask { model: Some("genlv".into()), size: Some((64, 32)), ..ask(Extent::One) };
        assert_eq!(one.jobs(true), [("genlv".to_owned(), (64, 32))]);
        assert!(one.kernels().expect("none").is_empty());
        let kernel = |name: &str| Ask { kernel: Some(name.into()), ..ask(Extent::One) };
        assert_eq!(kernel("matmul-1024").kernels().expect("one of the suite").len(), 1);
        assert!(kernel("matmul-1024").jobs(true).is_empty());
        assert!(kernel("matmul").kernels().expect_err("no such kernel").to_string().contains("matmul-1024"));
    }
}
