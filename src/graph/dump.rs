//! A graph for people and tools: Graphviz dot, and JSON with nodes, shapes, slots and bytes.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Graph;
use super::lower::Plan;
use crate::kernel::Commands;

/// Graphviz source.
pub fn dot(graph: &Graph, commands: &Commands) -> String {
    let mut out = String::from("digraph vernis {\n  node [shape=box, fontname=\"monospace\"];\n");
    for (name, t) in &graph.inputs {
        let _ = writeln!(out, "  t{} [label=\"{name}\\n{}\", shape=ellipse];", t.0, graph.shape(*t));
    }
    for node in &graph.nodes {
        let slot = commands.slot_of[node.output.0 as usize].map_or(String::new(), |s| format!(" slot {s}"));
        let _ = writeln!(
            out,
            "  t{} [label=\"{}\\n{}\\n{}{slot}\"];",
            node.output.0,
            node.path,
            node.op.stem(),
            graph.shape(node.output)
        );
        for t in &node.inputs {
            let _ = writeln!(out, "  t{} -> t{};", t.0, node.output.0);
        }
    }
    for (name, t) in &graph.outputs {
        let _ = writeln!(out, "  \"{name}\" [shape=ellipse]; t{} -> \"{name}\";", t.0);
    }
    out.push_str("}\n");
    out
}

/// The same as JSON.
pub fn json(graph: &Graph, commands: &Commands, plan: &Plan) -> Value {
    let named = |list: &[(String, crate::kernel::TensorId)]| -> Vec<Value> {
        list.iter().map(|(n, t)| json!({"name": n, "tensor": t.0, "shape": graph.shape(*t).to_string()})).collect()
    };
    let nodes: Vec<Value> = graph
        .nodes
        .iter()
        .map(|n| {
            json!({
                "path": n.path,
                "op": n.op.stem(),
                "detail": format!("{:?}", n.op),
                "inputs": n.inputs.iter().map(|t| t.0).collect::<Vec<_>>(),
                "weights": n.params.iter().map(|p| graph.params[p.0 as usize].name()).collect::<Vec<_>>(),
                "output": n.output.0,
                "shape": graph.shape(n.output).to_string(),
                "bytes": graph.bytes(n.output),
                "slot": commands.slot_of[n.output.0 as usize],
            })
        })
        .collect();
    json!({
        "precision": graph.precision.name(),
        "inputs": named(&graph.inputs),
        "outputs": named(&graph.outputs),
        "nodes": nodes,
        "slots": commands.slots.iter().map(|s| s.bytes).collect::<Vec<_>>(),
        "plan": {
            "activation_bytes": plan.activations,
            "lower_bound_bytes": plan.lower_bound,
            "largest_tensor_bytes": plan.largest,
            "flops": plan.flops,
            "dispatches": plan.dispatches,
        },
    })
}
