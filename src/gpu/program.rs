//! A command list made ready on a device: buffers, bind groups and pipelines exist, a run only records and submits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::device::Gpu;
use super::errors::scoped;
use super::pipelines::{Compiled, PARAM_STRIDE, Wanted};
use super::weights::WeightBuffers;
use crate::base::{Error, Kind, Result};
use crate::kernel::{Binding, Commands, Step, TensorId, interface_of};

/// GPU time of one step of a profiled run.
#[derive(Debug, Clone)]
pub struct StepTime {
    pub op: &'static str,
    pub path: String,
    pub flops: u64,
    pub seconds: f64,
}

struct Ready {
    compiled: Arc<Compiled>,
    group: wgpu::BindGroup,
    params: Vec<u8>,
    x: u32,
    y: u32,
    flops: u64,
}

/// A replayable program.
pub struct Program {
    steps: Vec<Ready>,
    commands: Commands,
    slots: Vec<wgpu::Buffer>,
    staging: wgpu::Buffer,
    /// Work of one submit, adapted so that a submit stays short on this device.
    budget: f64,
}

/// A submit should end well before any watchdog (2 s on Windows) and leave the desktop alive.
const SUBMIT_SECONDS: f64 = 0.15;
/// Work of the first submit, before the device's speed is known.
const FIRST_BUDGET: f64 = 2e9;
/// What a submit that fails says.
const REFUSED: &str = "the device refused work";
/// A dispatch costs at least about this much, however little it computes.
const DISPATCH_COST: f64 = 2e6;

impl Program {
    /// Creates all buffers and pipelines of `commands`. `weight` maps the graph's parameters to `weights`.
    pub fn new(gpu: &Gpu, commands: Commands, weights: &WeightBuffers, weight: &[usize]) -> Result<Program> {
        gpu.check()?;
        let device = &gpu.device;
        let storage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
        let buffer = |label: &str, size: u64, usage| {
            device.create_buffer(&wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false })
        };
        let out = commands.outputs.iter().map(|t| commands.bytes_of[t.0 as usize]).max().unwrap_or(16);
        let (slots, staging, unused, window) = scoped(device, "cannot allocate the activations", || {
            let slots: Vec<_> = commands.slots.iter().map(|s| buffer("activations", s.bytes, storage)).collect();
            let staging = buffer("readback", out, wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST);
            // Stands for a binding that a kernel does not read; it holds one element of any array, at most two quads.
            let unused = buffer("unused", 32, storage);
            let window = (!gpu.pipelines.immediates()).then(|| {
                let size = PARAM_STRIDE * commands.steps.len().max(1) as u64;
                buffer("parameters", size, wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST)
            });
            (slots, staging, unused, window)
        })?;
        if let Some(window) = &window {
            let mut bytes = vec![0; PARAM_STRIDE as usize * commands.steps.len()];
            for (i, step) in commands.steps.iter().enumerate() {
                bytes[i * PARAM_STRIDE as usize..][..step.dispatch.params.len()].copy_from_slice(&step.dispatch.params);
            }
            scoped(device, "cannot send the parameters", || gpu.queue.write_buffer(window, 0, &bytes))?;
        }
        let dispatches = commands.steps.iter().map(|step| &step.dispatch);
        let wanted =
            dispatches.map(|d| Wanted { key: &d.key, bindings: interface_of(d.key.shader), params: d.params.len() });
        gpu.pipelines.prepare(&gpu.device, &wanted.collect::<Vec<_>>())?;
        let mut program =
            Program { steps: Vec::with_capacity(commands.steps.len()), commands, slots, staging, budget: FIRST_BUDGET };
        for (i, step) in program.commands.steps.iter().enumerate() {
            let ready = program.prepare(gpu, step, i, weights, weight, &unused, window.as_ref())?;
            program.steps.push(ready);
        }
        Ok(program)
    }

    #[allow(clippy::too_many_arguments)]
    fn prepare(
        &self,
        gpu: &Gpu,
        step: &Step,
        index: usize,
        weights: &WeightBuffers,
        weight: &[usize],
        unused: &wgpu::Buffer,
        window: Option<&wgpu::Buffer>,
    ) -> Result<Ready> {
        let d = &step.dispatch;
        let compiled = gpu.pipelines.get(&gpu.device, &d.key, interface_of(d.key.shader), d.params.len())?;
        let mut entries = Vec::with_capacity(d.bindings.len() + 1);
        if let Some(window) = window {
            entries.push(wgpu::BindGroupEntry {
                binding: 0,
                resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                    buffer: window,
                    offset: PARAM_STRIDE * index as u64,
                    size: wgpu::BufferSize::new(d.params.len() as u64),
                }),
            });
        }
        for (i, binding) in d.bindings.iter().enumerate() {
            let (buffer, size) = match binding {
                Binding::Tensor(t) => (self.slot(*t), Some(self.commands.bytes_of[t.0 as usize])),
                Binding::Param(p) => (weights.get(weight[p.0 as usize]), None),
                Binding::Unused => (unused, None),
            };
            entries.push(wgpu::BindGroupEntry {
                binding: i as u32 + 1,
                resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                    buffer,
                    offset: 0,
                    size: size.and_then(wgpu::BufferSize::new),
                }),
            });
        }
        let group = scoped(&gpu.device, &format!("cannot bind {} ({})", step.path, step.op), || {
            gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some(step.op),
                layout: &compiled.layout,
                entries: &entries,
            })
        })?;
        let max = gpu.device.limits().max_compute_workgroups_per_dimension;
        // Rows of equal length: surplus workgroups would be as many as a whole row.
        let y = d.groups.div_ceil(max).max(1);
        let x = d.groups.div_ceil(y).max(1);
        Ok(Ready { compiled, group, params: d.params.clone(), x, y, flops: d.flops })
    }

    fn slot(&self, t: TensorId) -> &wgpu::Buffer {
        let slot = self.commands.slot_of[t.0 as usize].expect("lowering gave every bound tensor a slot");
        &self.slots[slot]
    }

    pub fn commands(&self) -> &Commands {
        &self.commands
    }

    /// Writes packed bytes into an input tensor.
    pub fn upload(&self, gpu: &Gpu, tensor: TensorId, bytes: &[u8]) -> Result<()> {
        let expected = self.commands.bytes_of[tensor.0 as usize];
        if bytes.len() as u64 != expected {
            return Err(Error::new(Kind::Other, "an input has the wrong size")
                .why(format!("expected {expected} bytes, got {}", bytes.len())));
        }
        scoped(&gpu.device, "cannot send data to the device", || gpu.queue.write_buffer(self.slot(tensor), 0, bytes))
    }

    /// Replays all steps in bounded submits and waits for them. `progress` is called with the share of work done
    /// after every submit; returning `false` cancels.
    pub fn run(&mut self, gpu: &Gpu, progress: &mut dyn FnMut(f32) -> bool) -> Result<()> {
        let total: f64 = self.steps.iter().map(cost).sum();
        let mut done = 0.0;
        let mut at = 0;
        while at < self.steps.len() {
            let (end, work) = self.batch(at, usize::MAX);
            let start = Instant::now();
            scoped(&gpu.device, REFUSED, || self.submit(gpu, at, end, None))?;
            gpu.wait()?;
            self.adapt(work, start.elapsed());
            at = end;
            done += work;
            if !progress((done / total) as f32) {
                return Err(Error::new(Kind::Cancelled, "cancelled"));
            }
        }
        Ok(())
    }

    /// The end of the steps from `from` on that one submit takes, at most `most`, and their work.
    fn batch(&self, from: usize, most: usize) -> (usize, f64) {
        let (mut end, mut work) = (from, 0.0);
        while end < self.steps.len().min(from.saturating_add(most))
            && (end == from || work + cost(&self.steps[end]) <= self.budget)
        {
            work += cost(&self.steps[end]);
            end += 1;
        }
        (end, work)
    }

    /// Moves the budget towards `SUBMIT_SECONDS`, never by more than a factor of four at once.
    fn adapt(&mut self, work: f64, took: Duration) {
        let ideal = work * SUBMIT_SECONDS / took.as_secs_f64().max(1e-4);
        self.budget = ideal.clamp(self.budget / 4.0, self.budget * 4.0).clamp(1e7, 1e13);
    }

    fn submit(&self, gpu: &Gpu, from: usize, to: usize, times: Option<&wgpu::QuerySet>) {
        let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("vernis") });
        let mut record = |steps: &[Ready], writes: Option<wgpu::ComputePassTimestampWrites<'_>>| {
            let mut pass =
                encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes: writes });
            for step in steps {
                pass.set_pipeline(&step.compiled.pipeline);
                pass.set_bind_group(0, &step.group, &[]);
                if gpu.pipelines.immediates() {
                    pass.set_immediates(0, &step.params);
                }
                pass.dispatch_workgroups(step.x, step.y, 1);
            }
        };
        match times {
            None => record(&self.steps[from..to], None),
            Some(query_set) => {
                for i in from..to {
                    let at = 2 * (i - from) as u32;
                    record(
                        &self.steps[i..=i],
                        Some(wgpu::ComputePassTimestampWrites {
                            query_set,
                            beginning_of_pass_write_index: Some(at),
                            end_of_pass_write_index: Some(at + 1),
                        }),
                    );
                }
            }
        }
        gpu.queue.submit([encoder.finish()]);
    }

    /// Runs once with a pass for each step and returns the time of each: GPU timestamps where the adapter has them,
    /// else wall time around a submit of its own.
    pub fn profile(&mut self, gpu: &Gpu) -> Result<Vec<StepTime>> {
        let mut seconds = Vec::with_capacity(self.steps.len());
        let mut to = 0;
        while to < self.steps.len() {
            let from = to;
            (to, _) = self.batch(from, MOST_TIMED);
            if gpu.summary().timestamps {
                seconds.extend(self.timed_batch(gpu, from, to)?);
            } else {
                for i in from..to {
                    let start = Instant::now();
                    scoped(&gpu.device, REFUSED, || self.submit(gpu, i, i + 1, None))?;
                    gpu.wait()?;
                    seconds.push(start.elapsed().as_secs_f64());
                }
            }
        }
        Ok(self
            .commands
            .steps
            .iter()
            .zip(seconds)
            .map(|(s, seconds)| StepTime { op: s.op, path: s.path.clone(), flops: s.dispatch.flops, seconds })
            .collect())
    }

    fn timed_batch(&self, gpu: &Gpu, from: usize, to: usize) -> Result<Vec<f64>> {
        let count = 2 * (to - from) as u32;
        let bytes = u64::from(count) * 8;
        let (queries, resolved, mapped) = scoped(&gpu.device, "cannot create timestamp queries", || {
            let queries = gpu.device.create_query_set(&wgpu::QuerySetDescriptor {
                label: None,
                ty: wgpu::QueryType::Timestamp,
                count,
            });
            let make = |usage| {
                gpu.device.create_buffer(&wgpu::BufferDescriptor {
                    label: None,
                    size: bytes,
                    usage,
                    mapped_at_creation: false,
                })
            };
            let resolved = make(wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC);
            let mapped = make(wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST);
            (queries, resolved, mapped)
        })?;
        scoped(&gpu.device, REFUSED, || {
            self.submit(gpu, from, to, Some(&queries));
            let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: None });
            encoder.resolve_query_set(&queries, 0..count, &resolved, 0);
            encoder.copy_buffer_to_buffer(&resolved, 0, &mapped, 0, bytes);
            gpu.queue.submit([encoder.finish()]);
        })?;
        let mut ticks: Vec<u64> = Vec::new();
        gpu.read(&mapped, bytes, &mut |read| ticks.extend(read.as_chunks().0.iter().map(|b| u64::from_le_bytes(*b))))?;
        let period = f64::from(gpu.queue.get_timestamp_period()) * 1e-9;
        Ok(ticks.chunks_exact(2).map(|t| t[1].saturating_sub(t[0]) as f64 * period).collect())
    }

    /// Reads a tensor back as packed bytes.
    pub fn read(&self, gpu: &Gpu, tensor: TensorId) -> Result<Vec<u8>> {
        let bytes = self.commands.bytes_of[tensor.0 as usize];
        if bytes > self.staging.size() {
            return Err(Error::new(Kind::Other, "only outputs of the graph can be read back"));
        }
        gpu.copy(self.slot(tensor), &self.staging, bytes, 1)?;
        let mut out = Vec::with_capacity(bytes as usize);
        gpu.read(&self.staging, bytes, &mut |read| out.extend_from_slice(read))?;
        Ok(out)
    }
}

/// Steps of a submit that are timed each by itself.
const MOST_TIMED: usize = 256;

fn cost(step: &Ready) -> f64 {
    step.flops as f64 + DISPATCH_COST
}
