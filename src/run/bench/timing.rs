//! Times one plan: forward passes alone, with what surrounds them reported beside.

use std::time::Instant;

use super::gate::{Reference, tolerance};
use super::report::{Group, Row, Sustained};
use super::roof::{self, Roof};
use super::stats::{Policy, median, sample};
use super::workloads::Job;
use crate::base::Result;
use crate::gpu::{Gpu, StepTime};
use crate::run::model::Model;
use crate::run::plan::Plan;

/// What is timed, and how it is judged.
pub struct Subject<'a> {
    pub group: Group,
    pub name: &'a str,
    pub job: &'a Job,
    pub reference: &'a Reference,
}

/// Times the plan of `subject` on `model`.
pub fn time(gpu: &Gpu, model: &mut Model, subject: &Subject<'_>, policy: &Policy, roof: Option<&Roof>) -> Result<Row> {
    let Job { key, inputs } = subject.job;
    // A benchmark asks for the speed of long runs.
    model.settle();
    let (cost, weights) = model.cost(gpu, key)?;
    let start = Instant::now();
    let plan = model.plan(gpu, key)?;
    let making = start.elapsed().as_secs_f64();

    let upload = || -> Result<f64> {
        let start = Instant::now();
        feed(gpu, plan, inputs)?;
        Ok(start.elapsed().as_secs_f64())
    };
    // The first one allocates staging memory.
    upload()?;
    let uploads = [upload()?, upload()?, upload()?];

    // The outputs that are judged are those that were timed: one on the way, and the last.
    let on_the_way = policy.samples / 2 + 1;
    let mut outputs = Vec::new();
    let mut readbacks = Vec::new();
    let shape = plan.output_shape("output")?;
    let plan = std::cell::RefCell::new(plan);
    let read = |outputs: &mut Vec<Vec<f32>>| -> Result<f64> {
        let start = Instant::now();
        let values = plan.borrow().read(gpu, "output")?;
        let took = start.elapsed().as_secs_f64();
        outputs.push(shape.strip_channels(&values));
        Ok(took)
    };
    let samples = sample(
        policy,
        || feed(gpu, &plan.borrow(), inputs),
        || plan.borrow_mut().run(gpu, &mut |_| true),
        |done| {
            if done == on_the_way {
                readbacks.push(read(&mut outputs)?);
            }
            Ok(())
        },
    )?;
    for _ in 0..3 {
        outputs.truncate(1);
        readbacks.push(read(&mut outputs)?);
    }
    let plan = plan.into_inner();
    let verdict = subject.reference.judge(&outputs, tolerance(key.precision));

    let profile = profile(gpu, plan, inputs)?;
    let size = (key.part.w, key.part.h);
    let mut row = Row::new(subject.group, subject.name, size, key.precision.name(), &samples).gated(verdict);
    row.gpu_ms = gpu.summary().timestamps.then(|| 1e3 * profile.iter().map(|s| s.seconds).sum::<f64>());
    (row.kernels, row.roof) = roof::shares(gpu, plan, &profile, roof);
    row.compile_ms = 1e3 * making + (1e3 * samples.first - row.median_ms).max(0.0);
    row.upload_ms = 1e3 * median(&uploads);
    row.readback_ms = 1e3 * median(&readbacks);
    row.peak_bytes = cost.activations + weights;
    row.dispatches = cost.dispatches;
    row.flops = cost.flops;
    row.bytes = row.kernels.iter().map(|k| k.bytes).sum();
    Ok(row)
}

/// Runs under the device's clock; odd, so that the median is one of them.
const PROFILES: usize = 5;

/// The median time of every step over a few profiled runs.
fn profile(gpu: &Gpu, plan: &mut Plan, inputs: &[(String, Vec<f32>)]) -> Result<Vec<StepTime>> {
    let mut runs = Vec::new();
    for _ in 0..if gpu.summary().software { 1 } else { PROFILES } {
        feed(gpu, plan, inputs)?;
        runs.push(plan.profile(gpu)?);
    }
    let mut steps = runs.pop().unwrap_or_default();
    for (i, step) in steps.iter_mut().enumerate() {
        let times: Vec<f64> = runs.iter().map(|run| run[i].seconds).chain([step.seconds]).collect();
        step.seconds = median(&times);
    }
    Ok(steps)
}

/// Writes the inputs and waits for them. Every run needs it: their memory is reused once they are read.
fn feed(gpu: &Gpu, plan: &Plan, inputs: &[(String, Vec<f32>)]) -> Result<()> {
    for (name, values) in inputs {
        plan.upload(gpu, name, values)?;
    }
    gpu.flush()
}

/// Runs for `seconds` and says how much slower the last third was than the first.
pub fn sustain(gpu: &Gpu, model: &mut Model, job: &Job, seconds: f64) -> Result<Sustained> {
    let plan = std::cell::RefCell::new(model.plan(gpu, &job.key)?);
    let policy = Policy { samples: 6, seconds, limit: 2.0 * seconds, warm: (0.0, 0.0) };
    let prepare = || feed(gpu, &plan.borrow(), &job.inputs);
    let samples = sample(&policy, prepare, || plan.borrow_mut().run(gpu, &mut |_| true), |_| Ok(()))?;
    Ok(thirds(&samples.times.iter().map(|t| 1e3 * t).collect::<Vec<_>>()))
}

fn thirds(times: &[f64]) -> Sustained {
    let third = (times.len() / 3).max(1).min(times.len());
    let (first, last) = (median(&times[..third]), median(&times[times.len() - third..]));
    let throttle = if first > 0.0 { last / first } else { 1.0 };
    Sustained { first_ms: first, last_ms: last, throttle, raw_ms: times.to_vec() }
}

#[cfg(test)]
mod tests {
    use super::thirds;

    #[test]
    fn a_device_that_slows_down() {
        let slower = thirds(&[1.0, 1.0, 1.0, 5.0, 2.0, 2.0]);
        assert_eq!((slower.first_ms, slower.last_ms, slower.throttle), (1.0, 2.0, 2.0));
        assert_eq!(thirds(&[1.0]).throttle, 1.0);
        assert_eq!(thirds(&[]).throttle, 1.0);
    }
}
