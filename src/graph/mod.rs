//! Floor 3: networks as graphs. Shapes are proven when a node is added; `fuse` rewrites, `liveness` pools buffers,
//! `lower` yields the flat command list that is replayed.

pub mod adapt;
pub mod dump;
pub mod fuse;
pub mod liveness;
pub mod lower;
pub mod split;

use crate::base::{DType, Error, Kind, Result, Shape};
use crate::checkpoint::prepack::Pack;
use crate::kernel::{ParamId, Target, TensorId};
use crate::ops::{Op, Storage, TensorInfo};

/// An operation with its operands.
#[derive(Debug, Clone)]
pub struct Node {
    pub op: Op,
    pub inputs: Vec<TensorId>,
    pub params: Vec<ParamId>,
    pub output: TensorId,
    /// Module path, such as `encoder_level1.0.attn.qkv`.
    pub path: String,
}

/// A network for one input size on one kind of device.
#[derive(Debug, Clone)]
pub struct Graph {
    pub target: Target,
    pub precision: DType,
    pub tensors: Vec<TensorInfo>,
    pub params: Vec<Pack>,
    pub nodes: Vec<Node>,
    pub inputs: Vec<(String, TensorId)>,
    /// Inputs that keep their values from one replay to the next.
    pub kept: Vec<TensorId>,
    pub outputs: Vec<(String, TensorId)>,
}

impl Graph {
    pub fn new(target: Target, precision: DType) -> Self {
        Graph {
            target,
            precision,
            tensors: Vec::new(),
            params: Vec::new(),
            nodes: Vec::new(),
            inputs: Vec::new(),
            kept: Vec::new(),
            outputs: Vec::new(),
        }
    }

    pub fn input(&mut self, name: &str, shape: Shape) -> TensorId {
        let id = self.tensor(TensorInfo { shape, storage: Storage::Activation });
        self.inputs.push((name.to_owned(), id));
        id
    }

    /// An input that is uploaded once and read by every replay.
    pub fn kept_input(&mut self, name: &str, shape: Shape) -> TensorId {
        let id = self.input(name, shape);
        self.kept.push(id);
        id
    }

    /// Declares `tensor` an output under `name`; the last declared node result may be stored in f32 whatever the
    /// precision (see [`fuse`]).
    pub fn output(&mut self, name: &str, tensor: TensorId) {
        self.outputs.push((name.to_owned(), tensor));
    }

    pub fn input_named(&self, name: &str) -> Result<TensorId> {
        named(&self.inputs, name)
    }

    pub fn output_named(&self, name: &str) -> Result<TensorId> {
        named(&self.outputs, name)
    }

    pub fn param(&mut self, pack: Pack) -> ParamId {
        if let Some(i) = self.params.iter().position(|p| *p == pack) {
            return ParamId(i as u32);
        }
        self.params.push(pack);
        ParamId(self.params.len() as u32 - 1)
    }

    pub fn info(&self, t: TensorId) -> &TensorInfo {
        &self.tensors[t.0 as usize]
    }

    pub fn shape(&self, t: TensorId) -> &Shape {
        &self.info(t).shape
    }

    /// Adds a node; the error names its path, what it expected and what it got.
    pub fn add(&mut self, path: &str, op: impl Into<Op>, inputs: &[TensorId], params: &[ParamId]) -> Result<TensorId> {
        let op = op.into();
        let infos: Vec<&TensorInfo> = inputs.iter().map(|t| self.info(*t)).collect();
        let info = op.kernel().infer(&infos, &self.target).map_err(|why| {
            let shapes: Vec<String> = infos.iter().map(|i| i.shape.to_string()).collect();
            Error::new(
                Kind::Checkpoint,
                format!("{path} ({}) does not fit its inputs {}", op.stem(), shapes.join(", ")),
            )
            .why(why)
        })?;
        let output = self.tensor(info);
        self.nodes.push(Node { op, inputs: inputs.to_vec(), params: params.to_vec(), output, path: path.to_owned() });
        Ok(output)
    }

    fn tensor(&mut self, info: TensorInfo) -> TensorId {
        self.tensors.push(info);
        TensorId(self.tensors.len() as u32 - 1)
    }

    /// Bytes of a tensor in memory.
    pub fn bytes(&self, t: TensorId) -> u64 {
        let info = self.info(t);
        (info.shape.elements() * info.storage.dtype(self.precision).size() as u64).next_multiple_of(16)
    }

    /// Nodes whose op has this stem.
    pub fn count(&self, stem: &str) -> usize {
        self.nodes.iter().filter(|n| n.op.stem() == stem).count()
    }
}

fn named(list: &[(String, TensorId)], name: &str) -> Result<TensorId> {
    list.iter().find(|(n, _)| n == name).map(|(_, t)| *t).ok_or_else(|| {
        let known: Vec<&str> = list.iter().map(|(n, _)| n.as_str()).collect();
        Error::new(Kind::Other, format!("the graph has no tensor {name}")).why(format!("it has {}", known.join(", ")))
    })
}
