//! Lowering: a graph becomes a flat list of dispatches over pooled slots.

use super::liveness::{Life, lower_bound, pool};
use super::{Graph, Node};
use crate::base::{Error, Kind, Result};
use crate::kernel::{Commands, Slot, Step};
use crate::ops::Lower;

/// Memory of a lowered graph, known before anything is allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Bytes of all pooled slots.
    pub activations: u64,
    /// The largest sum of tensors alive at once.
    pub lower_bound: u64,
    /// The largest single tensor: it must fit one binding.
    pub largest: u64,
    pub flops: u64,
    pub dispatches: usize,
}

/// Lifetimes of all tensors: inputs live from the start, outputs and kept inputs to the end.
pub fn lives(graph: &Graph) -> Vec<Life> {
    let end = graph.nodes.len();
    let mut spans: Vec<Option<(usize, usize)>> = vec![None; graph.tensors.len()];
    for (_, t) in &graph.inputs {
        spans[t.0 as usize] = Some((0, 0));
    }
    for (i, node) in graph.nodes.iter().enumerate() {
        let write = &mut spans[node.output.0 as usize];
        *write = Some(write.map_or((i, i), |(a, b)| (a, b.max(i))));
        for t in &node.inputs {
            if let Some(span) = &mut spans[t.0 as usize] {
                span.1 = span.1.max(i);
            }
        }
    }
    for t in graph.outputs.iter().map(|(_, t)| t).chain(&graph.kept) {
        if let Some(span) = &mut spans[t.0 as usize] {
            span.1 = end;
        }
    }
    // A replay uploads its inputs before the first step, so they must not share with anything alive there; their
    // slots may be reused once they are read, because the next replay writes them again.
    spans
        .iter()
        .enumerate()
        .filter_map(|(tensor, span)| span.map(|(a, b)| (tensor, a, b)))
        .map(|(tensor, a, b)| Life { tensor, bytes: graph.bytes(crate::kernel::TensorId(tensor as u32)), alive: a..=b })
        .collect()
}

/// Lowers `graph` and reports what it will cost.
pub fn lower(graph: &Graph) -> Result<(Commands, Plan)> {
    let lives = lives(graph);
    let bound = lower_bound(&lives);
    let largest = lives.iter().max_by_key(|l| l.bytes);
    if let Some(l) = largest.filter(|l| l.bytes > graph.target.max_binding_bytes) {
        let path =
            graph.nodes.iter().find(|n| n.output.0 as usize == l.tensor).map_or("the input", |n| n.path.as_str());
        return Err(Error::new(Kind::Memory, format!("{path} needs {} bytes in one binding", l.bytes))
            .why(format!("the device binds at most {} bytes", graph.target.max_binding_bytes))
            .advice("use a smaller --tile"));
    }
    let largest = largest.map_or(0, |l| l.bytes);
    let pooled = pool(lives);
    let mut slot_of = vec![None; graph.tensors.len()];
    for (tensor, slot) in &pooled.slot_of {
        slot_of[*tensor] = Some(*slot);
    }
    let mut steps = Vec::new();
    for node in &graph.nodes {
        for dispatch in dispatches(graph, node) {
            steps.push(Step { dispatch, op: node.op.stem(), path: node.path.clone() });
        }
    }
    let commands = Commands {
        steps,
        slots: pooled.slots.iter().map(|bytes| Slot { bytes: *bytes }).collect(),
        slot_of,
        bytes_of: (0..graph.tensors.len()).map(|i| graph.bytes(crate::kernel::TensorId(i as u32))).collect(),
        inputs: graph.inputs.iter().map(|(_, t)| *t).collect(),
        outputs: graph.outputs.iter().map(|(_, t)| *t).collect(),
    };
    let plan = Plan {
        activations: commands.slot_bytes(),
        lower_bound: bound,
        largest,
        flops: commands.flops(),
        dispatches: commands.steps.len(),
    };
    Ok((commands, plan))
}

fn dispatches(graph: &Graph, node: &Node) -> Vec<crate::kernel::Dispatch> {
    node.op.kernel().lower(&Lower {
        target: &graph.target,
        precision: graph.precision,
        inputs: node.inputs.iter().map(|t| (*t, graph.info(*t))).collect(),
        params: &node.params,
        output: (node.output, graph.info(node.output)),
    })
}
