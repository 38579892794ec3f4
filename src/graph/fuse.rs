//! Fusion: what surrounds a contraction moves into its prologue and epilogue, a gate moves into the kernel in front
//! of it, a sum into a PixelShuffle. Each rewrite needs that the tensor it removes is used once and is no output.

use super::{Graph, Node};
use crate::checkpoint::prepack::{Matrix, Pack};
use crate::kernel::{ParamId, TensorId};
use crate::ops::elementwise::binary::Binary;
use crate::ops::matmul::contract::{Contract, Prologue};
use crate::ops::norm::row_stats::RowStats;
use crate::ops::{Activation, Op, Storage, TensorInfo};

/// Rewrites `graph` until nothing more fuses, then drops parameters nobody uses.
pub fn fuse(graph: &mut Graph) {
    for i in 0..graph.nodes.len() {
        fuse_norm(graph, i);
    }
    for i in 0..graph.nodes.len() {
        fuse_scale(graph, i);
        fuse_activation(graph, i);
        fuse_gate(graph, i);
    }
    for i in 0..graph.nodes.len() {
        fuse_residual(graph, i);
    }
    for (_, t) in graph.outputs.clone() {
        widen_output(graph, t);
    }
    graph.nodes.retain(|n| !is_dead(n));
    prune(graph);
}

/// A removed node keeps its place until the end, so that indices stay valid; it has no inputs.
fn is_dead(node: &Node) -> bool {
    node.inputs.is_empty()
}

fn uses(graph: &Graph, t: TensorId) -> Vec<usize> {
    (0..graph.nodes.len()).filter(|i| graph.nodes[*i].inputs.contains(&t)).collect()
}

fn is_output(graph: &Graph, t: TensorId) -> bool {
    graph.outputs.iter().any(|(_, o)| *o == t)
}

fn producer(graph: &Graph, t: TensorId) -> Option<usize> {
    graph.nodes.iter().position(|n| n.output == t && !is_dead(n))
}

/// The node that makes `t`, if `t` is used only by node `user` and is no output.
fn private_producer(graph: &Graph, t: TensorId, user: usize) -> Option<usize> {
    (uses(graph, t) == [user] && !is_output(graph, t)).then(|| producer(graph, t)).flatten()
}

fn contract(node: &Node) -> Option<&Contract> {
    match &node.op {
        Op::Contract(c) if !is_dead(node) => Some(c),
        _ => None,
    }
}

fn matrix_of(graph: &Graph, node: &Node) -> Option<Matrix> {
    match graph.params.get(node.params.first()?.0 as usize)? {
        Pack::Matrix(m) => Some(m.clone()),
        _ => None,
    }
}

/// Replaces the matrix of a contraction, and its bias with it.
fn set_matrix(graph: &mut Graph, i: usize, m: Matrix) {
    let mut params = vec![graph.param(Pack::Matrix(m.clone()))];
    let has_bias = m.has_bias();
    if has_bias {
        params.push(graph.param(Pack::Bias(m)));
    }
    let node = &mut graph.nodes[i];
    node.params = params;
    if let Op::Contract(c) = &mut node.op {
        c.bias = has_bias;
    }
}

/// LayerNorm in front of 1x1 contractions: its weight and bias go into their matrices, its statistics into a prologue.
fn fuse_norm(graph: &mut Graph, i: usize) {
    let node = &graph.nodes[i];
    let Op::LayerNorm(norm) = &node.op else { return };
    let norm = norm.clone();
    if is_dead(node) || is_output(graph, node.output) {
        return;
    }
    let users = uses(graph, node.output);
    let ready = |u: &usize| {
        let user = &graph.nodes[*u];
        contract(user).is_some_and(|c| {
            c.kernel == (1, 1)
                && c.stride == 1
                && c.pad == 0
                && c.prologue == Prologue::None
                && c.segments.is_none()
                && !c.dynamic
                && !c.scale
        }) && user.inputs.iter().filter(|t| **t == node.output).count() == 1
            && user.inputs[0] == node.output
            && matrix_of(graph, user).is_some_and(|m| m.gamma.is_none() && m.beta.is_none())
    };
    if users.is_empty() || !users.iter().all(ready) {
        return;
    }
    let (x, path, given) = (node.inputs[0], node.path.clone(), node.params.clone());
    let mut keys = given.iter().map(|p| graph.params[p.0 as usize].name().to_owned());
    let gamma = norm.weight.then(|| keys.next()).flatten();
    let beta = norm.bias.then(|| keys.next()).flatten();
    let shape = graph.shape(x).clone();
    let stats = graph.tensor(TensorInfo::f32(crate::base::Shape::new(shape.n, shape.h, shape.w, 4)));
    graph.nodes[i] =
        Node { op: RowStats { eps: norm.eps }.into(), inputs: vec![x], params: Vec::new(), output: stats, path };
    for u in users {
        let Some(mut m) = matrix_of(graph, &graph.nodes[u]) else { continue };
        m.gamma.clone_from(&gamma);
        m.beta.clone_from(&beta);
        set_matrix(graph, u, m);
        let user = &mut graph.nodes[u];
        user.inputs[0] = x;
        user.inputs.insert(1, stats);
        if let Op::Contract(c) = &mut user.op {
            c.prologue = if norm.centre { Prologue::Standardise } else { Prologue::Scale };
        }
    }
}

/// A factor per channel in front of a 1x1 contraction becomes its prologue.
fn fuse_scale(graph: &mut Graph, i: usize) {
    let Some(c) = contract(&graph.nodes[i]) else { return };
    if c.kernel != (1, 1) || c.pad != 0 || c.scale || c.prologue != Prologue::None || c.segments.is_some() {
        return;
    }
    let x = graph.nodes[i].inputs[0];
    let Some(p) = private_producer(graph, x, i) else { return };
    let factor = &graph.nodes[p];
    if factor.op != Op::Binary(Binary::MULTIPLY) || graph.shape(factor.inputs[1]).pixels() != 1 {
        return;
    }
    let (value, scale) = (factor.inputs[0], factor.inputs[1]);
    kill(graph, p);
    let node = &mut graph.nodes[i];
    node.inputs[0] = value;
    node.inputs.insert(1, scale);
    if let Op::Contract(c) = &mut node.op {
        c.scale = true;
    }
}

/// An activation after a contraction or a GroupNorm becomes its epilogue.
fn fuse_activation(graph: &mut Graph, i: usize) {
    let node = &graph.nodes[i];
    let Op::Activate(a) = &node.op else { return };
    if is_dead(node) {
        return;
    }
    let (a, x, y) = (a.activation, node.inputs[0], node.output);
    let Some(p) = private_producer(graph, x, i) else { return };
    if let Op::GroupNorm(norm) = &mut graph.nodes[p].op
        && norm.activation == Activation::None
    {
        norm.activation = a;
        kill(graph, i);
        graph.nodes[p].output = y;
        return;
    }
    let ok = contract(&graph.nodes[p])
        .is_some_and(|c| c.activation == Activation::None && c.gate.is_none() && !c.residual && !c.f32_out);
    if !ok {
        return;
    }
    kill(graph, i);
    graph.nodes[p].output = y;
    if let Op::Contract(c) = &mut graph.nodes[p].op {
        c.activation = a;
    }
}

/// A gate after a contraction or a depthwise convolution: both halves are computed in one place and only their
/// product is stored.
fn fuse_gate(graph: &mut Graph, i: usize) {
    let node = &graph.nodes[i];
    let Op::Gate(gate) = &node.op else { return };
    if is_dead(node) {
        return;
    }
    let (activation, swapped, x, y) = (gate.activation, gate.swap, node.inputs[0], node.output);
    let Some(p) = private_producer(graph, x, i) else { return };
    let half = graph.shape(y).c.clone();
    match graph.nodes[p].op.clone() {
        Op::Depthwise(mut d) if d.gate.is_none() && d.activation == Activation::None && !swapped => {
            d.gate = Some(activation);
            graph.nodes[p].op = d.into();
        }
        Op::Contract(mut c)
            if c.gate.is_none() && c.activation == Activation::None && !c.residual && !c.dynamic && !c.f32_out =>
        {
            let Some(mut m) = matrix_of(graph, &graph.nodes[p]) else { return };
            m.gated = true;
            m.swapped = swapped;
            c.gate = Some(activation);
            c.out = half;
            graph.nodes[p].op = c.into();
            set_matrix(graph, p, m);
        }
        _ => return,
    }
    kill(graph, i);
    graph.nodes[p].output = y;
}

/// A sum with the result of a contraction or of a PixelShuffle becomes its residual; a contraction's also when the other
/// operand has one value for each image and channel (the timestep of a diffusion step). The node moves to the place of
/// the sum, where the other operand exists.
fn fuse_residual(graph: &mut Graph, i: usize) {
    let node = &graph.nodes[i];
    if node.op != Op::Binary(Binary::ADD) || is_dead(node) {
        return;
    }
    let (a, b, y) = (node.inputs[0], node.inputs[1], node.output);
    if a == b {
        return;
    }
    let equal = graph.shape(a) == graph.shape(b);
    for (own, other) in [(b, a), (a, b)] {
        if !equal && own == b {
            continue;
        }
        let Some(p) = private_producer(graph, own, i) else { continue };
        let mut fused = graph.nodes[p].clone();
        match &mut fused.op {
            Op::Contract(c) if !c.residual && !c.f32_out => {
                // Residual stands after x, statistics and scale, before per-image weights.
                let at = 1 + usize::from(c.prologue != Prologue::None) + usize::from(c.scale);
                c.residual = true;
                fused.inputs.insert(at, other);
            }
            Op::PixelShuffle(s) if equal && !s.residual => {
                s.residual = true;
                fused.inputs.push(other);
            }
            _ => continue,
        }
        fused.output = y;
        kill(graph, p);
        graph.nodes[i] = fused;
        return;
    }
}

/// The last kernel of a network keeps f32: rounding the picture to f16 would cost 16-bit outputs their depth.
fn widen_output(graph: &mut Graph, t: TensorId) {
    let Some(p) = producer(graph, t) else { return };
    if !uses(graph, t).is_empty() {
        return;
    }
    match &mut graph.nodes[p].op {
        Op::Contract(c) => c.f32_out = true,
        Op::Window(w) => w.f32_out = true,
        _ => return,
    }
    graph.tensors[t.0 as usize].storage = Storage::F32;
}

fn kill(graph: &mut Graph, i: usize) {
    graph.nodes[i].inputs.clear();
    graph.nodes[i].params.clear();
}

/// Drops parameters nobody uses.
pub(super) fn prune(graph: &mut Graph) {
    let mut kept = Vec::new();
    let mut index = vec![None; graph.params.len()];
    for node in &mut graph.nodes {
        for p in &mut node.params {
            let slot = &mut index[p.0 as usize];
            let id = *slot.get_or_insert_with(|| {
                kept.push(graph.params[p.0 as usize].clone());
                ParamId(kept.len() as u32 - 1)
            });
            *p = id;
        }
    }
    graph.params = kept;
}
