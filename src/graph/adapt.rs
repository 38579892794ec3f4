//! Task adapters in a fused graph, whatever family built it. Merged: adapted weights become buffers that the device
//! fills when the task changes; the graph stays as it is. Fused: every adapted contraction goes on over the low-rank
//! products of its input, weighted for each image by an input of the graph.

use std::collections::BTreeMap;

use super::fuse::prune;
use super::{Graph, Node};
use crate::base::{Channels, Error, Kind, Result, Shape};
use crate::checkpoint::adapters::{Adapters, Part};
use crate::checkpoint::low_rank::{Addition, Deltas, LowRank, Source};
use crate::checkpoint::prepack::{Matrix, Pack};
use crate::kernel::{ParamId, TensorId};
use crate::ops::attention::channel_project::ChannelProject;
use crate::ops::elementwise::blend::Blend;
use crate::ops::matmul::contract::Contract;
use crate::ops::matmul::merge::Merge;
use crate::ops::{Activation, Op};

/// The low-rank additions of the active tasks to a matrix and the name of their factors.
fn products(adapters: &Adapters, active: &[usize], matrix: &Matrix) -> Option<(LowRank, String)> {
    let parts = adapters.parts(&matrix.weight, active);
    let name = Adapters::factors_name(&parts);
    let terms: Vec<_> = parts
        .into_iter()
        .filter_map(|(_, p)| match p {
            Part::Product(t) => Some(t.clone()),
            Part::Delta(_) => None,
        })
        .collect();
    (!terms.is_empty()).then(|| (LowRank { matrix: matrix.clone(), terms }, name))
}

/// The deltas of the active tasks to depthwise weights and the name of their factors.
fn deltas(adapters: &Adapters, active: &[usize], pack: &Pack) -> Option<(Deltas, String)> {
    let Pack::Depthwise { weight, kernel, channels } = pack else { return None };
    let parts = adapters.parts(weight, active);
    let name = Adapters::factors_name(&parts);
    let terms: Vec<_> = parts
        .into_iter()
        .filter_map(|(_, p)| match p {
            Part::Delta(key) => Some(key.clone()),
            Part::Product(_) => None,
        })
        .collect();
    let deltas = Deltas { weight: weight.clone(), kernel: *kernel, channels: channels.clone(), terms };
    (!deltas.terms.is_empty()).then_some((deltas, name))
}

/// Proves the adapters of every weight of the graph and returns their keys. Keys of modules that the graph does not
/// have are not among them.
pub fn prove(graph: &Graph, adapters: &Adapters, shape: &dyn Fn(&str) -> Option<Vec<u32>>) -> Result<Vec<String>> {
    let mut used = Vec::new();
    let active: Vec<usize> = (0..adapters.tasks.len()).collect();
    let mut expect = |key: &str, wanted: &[u32]| {
        let found = shape(key).unwrap_or_default();
        let rest = |s: &[u32]| s.iter().skip(1).map(|d| u64::from(*d)).product::<u64>();
        // A linear layer and a 1x1 convolution are the same matrix.
        if found.first() != wanted.first() || rest(&found) != rest(wanted) {
            return Err(Error::new(Kind::Checkpoint, format!("the adapter {key} has the wrong shape"))
                .why(format!("expected {wanted:?}, got {found:?}"))
                .advice("the adapter belongs to another checkpoint"));
        }
        used.push(key.to_owned());
        Ok(())
    };
    for pack in &graph.params {
        if let Pack::Matrix(m) = pack {
            // The matrix may use a part of its weight; adapters are made for the whole.
            let whole = shape(&m.weight).unwrap_or_default();
            for term in products(adapters, &active, m).into_iter().flat_map(|(l, _)| l.terms) {
                let inner: Vec<u32> = [term.rank].into_iter().chain(whole.iter().skip(1).copied()).collect();
                expect(&term.a, &inner)?;
                expect(&term.b, &[whole.first().copied().unwrap_or(0), term.rank])?;
            }
        }
        if let Some((d, _)) = deltas(adapters, &active, pack) {
            for key in &d.terms {
                expect(key, &[d.channels.logical(), 1, d.kernel, d.kernel])?;
            }
        }
    }
    Ok(used)
}

/// Replaces adapted weights by buffers that are merged on the device.
pub fn merge(graph: &mut Graph, adapters: &Adapters, active: &[usize]) {
    for pack in &mut graph.params {
        let from = match &*pack {
            Pack::Matrix(m) => products(adapters, active, m).map(product),
            // A bias depends on the matrix where the bias of a norm is folded into it.
            Pack::Bias(m) if m.beta.is_some() => products(adapters, active, m).map(product),
            other => deltas(adapters, active, other).map(|(d, name)| (Source::Deltas(d), name)),
        };
        if let Some((from, factors)) = from {
            *pack = Pack::Addition(Addition::Merged { base: Box::new(pack.clone()), from: Box::new(from), factors });
        }
    }
}

fn product((low, name): (LowRank, String)) -> (Source, String) {
    (Source::Product(low), name)
}

/// Extends every adapted contraction by its low-rank products. The factors of the tasks become inputs
/// `[n, 1, 1, ranks]` under the names of [`Adapters::factors`].
pub fn fuse(graph: &mut Graph, adapters: &Adapters, active: &[usize], n: u32) -> Result<()> {
    let names = adapters.factors(active, &[]);
    let factors = names
        .iter()
        .map(|(name, values)| (name.clone(), graph.input(name, Shape::new(n, 1, 1, values.len() as u32))))
        .collect();
    let mut pass = Pass { graph, adapters, active, factors };
    for node in std::mem::take(&mut pass.graph.nodes) {
        pass.node(node)?;
    }
    // The plain matrices that extended ones replace would lie on the device for nothing.
    prune(graph);
    Ok(())
}

struct Pass<'a> {
    graph: &'a mut Graph,
    adapters: &'a Adapters,
    active: &'a [usize],
    factors: BTreeMap<String, TensorId>,
}

impl Pass<'_> {
    fn node(&mut self, node: Node) -> Result<()> {
        let pack = node.params.first().map(|p| self.graph.params[p.0 as usize].clone());
        if let Some(Pack::Matrix(m)) = &pack
            && let Some((low, name)) = products(self.adapters, self.active, m)
        {
            let factors = self.factors[&name];
            return match node.op.clone() {
                Op::Contract(c) if !c.dynamic => self.contract(node, c, low, factors),
                Op::ChannelProject(p) => self.project(node, &p, low, factors),
                _ => Err(Error::new(Kind::Checkpoint, format!("{} cannot be adapted", node.path))
                    .why(format!("{} takes no low-rank additions", node.op.stem()))),
            };
        }
        if let Some(pack) = &pack
            && let Some((d, name)) = deltas(self.adapters, self.active, pack)
        {
            return self.depthwise(node, d, self.factors[&name]);
        }
        self.graph.nodes.push(node);
        Ok(())
    }

    fn param(&mut self, addition: Addition) -> ParamId {
        self.graph.param(Pack::Addition(addition))
    }

    /// `h = factors * (A x)` as a contraction with the prologue of the node, then `W x + B h` in the node itself.
    fn contract(&mut self, mut node: Node, mut c: Contract, low: LowRank, factors: TensorId) -> Result<()> {
        let inner = Contract {
            out: Channels::one(low.rank()),
            bias: low.matrix.beta.is_some(),
            activation: Activation::None,
            gate: None,
            residual: false,
            factors: true,
            f32_out: false,
            ..c.clone()
        };
        let prologue =
            1 + usize::from(c.prologue != crate::ops::matmul::contract::Prologue::None) + usize::from(c.scale);
        let mut inputs = node.inputs[..prologue].to_vec();
        inputs.push(factors);
        let mut params = vec![self.param(Addition::Inner(low.clone()))];
        if inner.bias {
            params.push(self.param(Addition::InnerBias(low.clone())));
        }
        let h = self.graph.add(&format!("{}.low_rank", node.path), inner, &inputs, &params)?;
        c.low_rank = true;
        node.inputs.push(h);
        node.params[0] = self.param(Addition::Extended(low));
        node.op = c.into();
        self.graph.nodes.push(node);
        Ok(())
    }

    /// The projection of channel attention is multiplied by the attention map of each image; so is A, and B joins them.
    fn project(&mut self, mut node: Node, p: &ChannelProject, low: LowRank, factors: TensorId) -> Result<()> {
        let inner = ChannelProject { channels: p.channels, out: Channels::one(low.rank()) };
        let (a, b) = (self.param(Addition::Inner(low.clone())), self.param(Addition::Outer(low)));
        let path = format!("{}.low_rank", node.path);
        let joined = node.output;
        let info = self.graph.info(joined).clone();
        node.output = self.graph.tensor(info);
        let (map, base) = (node.inputs[0], node.output);
        self.graph.nodes.push(node);
        let inner = self.graph.add(&path, inner, &[map], &[a])?;
        self.graph.add(&path, Merge, &[base, inner, factors], &[b])?;
        self.rename_last(joined);
        Ok(())
    }

    /// Depthwise weights are small: each image gets its own.
    fn depthwise(&mut self, mut node: Node, d: Deltas, factors: TensorId) -> Result<()> {
        let Op::Depthwise(mut op) = node.op.clone() else {
            return Err(Error::new(Kind::Checkpoint, format!("{} cannot be adapted", node.path)));
        };
        let blend = Blend { rows: d.kernel * d.kernel, channels: d.channels.clone(), tasks: d.terms.len() as u32 };
        let base = node.params.remove(0);
        let delta = self.param(Addition::Deltas(d));
        let weights = self.graph.add(&format!("{}.blend", node.path), blend, &[factors], &[base, delta])?;
        op.dynamic = true;
        node.op = op.into();
        node.inputs.push(weights);
        self.graph.nodes.push(node);
        Ok(())
    }

    /// Lets the node that was added last write the tensor that its readers know.
    fn rename_last(&mut self, output: TensorId) {
        if let Some(last) = self.graph.nodes.last_mut() {
            last.output = output;
        }
    }
}
