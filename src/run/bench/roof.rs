//! The roofline: how fast a kernel could be on this device, given the operations and bytes its plan says it needs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::micro::Micro;
use crate::base::DType;
use crate::checkpoint::prepack::Panels;
use crate::gpu::{Gpu, StepTime};
use crate::graph::Graph;
use crate::kernel::generated::matmul_contract_cooperative as contract_cooperative;
use crate::kernel::{Binding, Key, Step};
use crate::ops::Op;
use crate::run::plan::Plan;

/// The kernels of one kind inside a plan.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// Stem of the op; a dense convolution wider than 1x1 is told apart from the 1x1 ones.
    pub op: String,
    pub dispatches: usize,
    pub ms: f64,
    pub flops: u64,
    pub bytes: u64,
    /// Percent of the roof: of the time the limiting resource needs at least. Absent where no roof was measured.
    pub roof: Option<f64>,
    /// `compute`, `memory` or `launch`.
    pub limiter: String,
}

/// The ceilings of a device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Roof {
    /// Operations a second.
    pub peak: f64,
    /// The same of cooperative matrices, where the device has them for such operands.
    pub matrices_f32: Option<f64>,
    pub matrices_f16: Option<f64>,
    /// Bytes a second.
    pub bandwidth: f64,
    /// Seconds of one more dispatch in a pass.
    pub launch: f64,
}

impl Roof {
    pub fn of(micro: &Micro) -> Roof {
        Roof {
            peak: micro.fma_gflops * 1e9,
            matrices_f32: micro.cooperative_f32_gflops.map(|g| g * 1e9),
            matrices_f16: micro.cooperative_f16_gflops.map(|g| g * 1e9),
            bandwidth: micro.copy_gbs.max(micro.d2d_gbs) * 1e9,
            launch: micro.dispatch_us * 1e-6,
        }
    }

    /// What one dispatch of `key` needs. A contraction by cooperative matrices has their peak for a roof.
    fn least(&self, key: &Key, flops: u64, bytes: u64) -> Least {
        let half = key.defines.get("DTYPE").is_some_and(|d| d == DType::F16.name());
        let matrices = if half { self.matrices_f16 } else { self.matrices_f32 };
        let peak = matrices.filter(|_| key.shader == contract_cooperative::NAME).unwrap_or(self.peak);
        let (compute, memory) = (flops as f64 / peak, bytes as f64 / self.bandwidth);
        Least { compute, memory, launch: self.launch, seconds: compute.max(memory) }
    }
}

/// Seconds that dispatches need at least: each resource alone, and the limiting one of each dispatch added up.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Least {
    compute: f64,
    memory: f64,
    launch: f64,
    seconds: f64,
}

impl Least {
    fn add(&mut self, one: Least) {
        self.compute += one.compute;
        self.memory += one.memory;
        self.launch += one.launch;
        self.seconds += one.seconds;
    }

    /// Percent of the roof and the limiter of dispatches that took `seconds`.
    fn judge(&self, seconds: f64) -> (f64, &'static str) {
        let limiter = if self.launch > self.seconds {
            "launch"
        } else if self.compute > self.memory {
            "compute"
        } else {
            "memory"
        };
        (100.0 * self.seconds / seconds.max(1e-12), limiter)
    }
}

/// Adds up a profile by kind of kernel, the slowest kind first, and says how near the roof all of them together are.
pub fn shares(gpu: &Gpu, plan: &Plan, times: &[StepTime], roof: Option<&Roof>) -> (Vec<Share>, Option<f64>) {
    let mut by_op: BTreeMap<String, (Share, Least)> = BTreeMap::new();
    for (step, time) in plan.commands().steps.iter().zip(times) {
        let op = label(step);
        let (share, least) =
            by_op.entry(op.clone()).or_insert_with(|| (Share { op, ..Share::default() }, Least::default()));
        let bytes = bytes(gpu, plan, step);
        share.dispatches += 1;
        share.ms += 1e3 * time.seconds;
        share.flops += time.flops;
        share.bytes += bytes;
        if let Some(roof) = roof {
            least.add(roof.least(&step.dispatch.key, time.flops, bytes));
        }
    }
    let whole = by_op.values().fold((0.0, 0.0), |(l, s), (share, least)| (l + least.seconds, s + 1e-3 * share.ms));
    let finished = by_op.into_values().map(|(share, least)| match roof {
        Some(_) => {
            let (percent, limiter) = least.judge(1e-3 * share.ms);
            Share { roof: Some(percent), limiter: limiter.into(), ..share }
        }
        None => share,
    });
    let mut shares: Vec<Share> = finished.collect();
    shares.sort_by(|a, b| b.ms.total_cmp(&a.ms));
    (shares, roof.map(|_| 100.0 * whole.0 / whole.1.max(1e-12)))
}

fn label(step: &Step) -> String {
    let wide = step.dispatch.key.defines.get("WINDOW").is_some_and(|w| w == "1");
    if wide { format!("{} k x k", step.op) } else { step.op.to_owned() }
}

/// Bytes a step must move at least: every tensor and weight it binds, once. What lies in caches between two steps is
/// counted all the same, because a plan for larger pictures would move it.
pub fn bytes(gpu: &Gpu, plan: &Plan, step: &Step) -> u64 {
    let target = gpu.target();
    let panels = Panels { plain: target.panel_quads(false), gated: target.panel_quads(true) };
    let graph = plan.graph();
    let mut seen = Vec::new();
    let mut sum = 0;
    for binding in &step.dispatch.bindings {
        if seen.contains(binding) {
            continue;
        }
        seen.push(*binding);
        sum += match binding {
            Binding::Tensor(t) => {
                let whole = plan.commands().bytes_of[t.0 as usize];
                (whole as f64 * part(graph, step, *t)) as u64
            }
            Binding::Param(p) => graph.params[p.0 as usize].bytes(panels, graph.precision),
            Binding::Unused => 0,
        };
    }
    sum
}

/// The share of an operand that a step reads: attention cuts q, k and v out of one tensor.
fn part(graph: &Graph, step: &Step, t: crate::kernel::TensorId) -> f64 {
    let node =
        graph.nodes.iter().find(|n| n.path == step.path && n.op.stem() == step.op && n.inputs.first() == Some(&t));
    let channels = &graph.shape(t).c;
    let quads = |ranges: &[std::ops::Range<usize>]| -> f64 {
        let read: u32 = ranges.iter().map(|r| channels.quads_of(r.clone())).map(|q| q.end - q.start).sum();
        f64::from(read) / f64::from(channels.quads().max(1))
    };
    match node.map(|n| (&n.op, &n.inputs)) {
        Some((Op::Contract(c), _)) => c.segments.map_or(1.0, |(a, b)| quads(std::slice::from_ref(&(a..b)))),
        Some((Op::ChannelGram(g), inputs)) => {
            let heads = g.heads as usize;
            let both = inputs.get(1) == Some(&t);
            let (q, k) = (g.q..g.q + heads, g.k..g.k + heads);
            if both { quads(&[q, k]) } else { quads(&[q]) }
        }
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOF: Roof =
        Roof { peak: 100e9, matrices_f32: Some(200e9), matrices_f16: Some(400e9), bandwidth: 10e9, launch: 1e-5 };

    fn any() -> Key {
        Key::new("any")
    }

    #[test]
    fn the_slower_resource_limits() {
        // 1 GFLOP takes 10 ms at the peak, 10 MB take 1 ms.
        assert_eq!(ROOF.least(&any(), 1_000_000_000, 10_000_000).judge(0.02), (50.0, "compute"));
        assert_eq!(ROOF.least(&any(), 1_000, 10_000_000).judge(0.001), (100.0, "memory"));
        assert_eq!(ROOF.least(&any(), 1_000, 1_000).judge(0.001).1, "launch");
    }

    #[test]
    fn matrices_have_the_peak_of_their_operands() {
        let percent = |roof: &Roof, key: Key| roof.least(&key, 4_000_000_000, 10_000_000).judge(0.04).0;
        let of = |precision: DType| Key::new(contract_cooperative::NAME).define("DTYPE", precision.name());
        assert_eq!([DType::F16, DType::F32].map(|p| percent(&ROOF, of(p))), [25.0, 50.0]);
        assert_eq!(percent(&Roof { matrices_f32: None, ..ROOF }, of(DType::F32)), 100.0, "only f16 was measured");
        assert_eq!(percent(&ROOF, any().define("DTYPE", "f16")), 100.0, "no matrices");
    }

    #[test]
    fn kernels_of_different_limits_add_up() {
        let mut both = ROOF.least(&any(), 1_000_000_000, 10_000_000);
        both.add(ROOF.least(&any(), 1_000, 100_000_000));
        assert_eq!(both.judge(0.02), (100.0, "memory"), "10 ms of sums, then 10 ms of bytes");
    }
}
