//! One op, its operands and what it must compute: a row of the case tables, for tests and benches alike.

use std::collections::BTreeMap;

use vernis::base::{Channels, DType, Result, Shape};
use vernis::checkpoint::StateDict;
use vernis::checkpoint::prepack::Pack;
use vernis::graph::Graph;
use vernis::kernel::{ParamId, Target, TensorId};
use vernis::ops::{Op, Storage};

use super::compare::{Tolerance, compare};
use super::generator::uniform;
use super::gpu::{Family, plain};
use super::stored::{Tensor, dict};
use super::{layout, run};
use crate::reference::Plain;

/// An activation with uniform values.
#[derive(Debug, Clone)]
pub struct Input {
    pub shape: Shape,
    pub storage: Storage,
    pub lo: f64,
    pub hi: f64,
    /// Negative values are zeros instead.
    pub rectified: bool,
}

impl Input {
    pub fn new(n: u32, h: u32, w: u32, segments: &[u32]) -> Self {
        let shape = Shape { n, h, w, c: Channels::split(Vec::from(segments)) };
        Input { shape, storage: Storage::Activation, lo: -1.0, hi: 1.0, rectified: false }
    }

    /// Stored in f32 in every precision.
    pub fn f32(mut self) -> Self {
        self.storage = Storage::F32;
        self
    }

    pub fn range(mut self, lo: f64, hi: f64) -> Self {
        (self.lo, self.hi) = (lo, hi);
        self
    }

    pub fn rectified(mut self) -> Self {
        self.rectified = true;
        self
    }
}

/// A weight of the checkpoint.
#[derive(Debug, Clone)]
pub struct Weight {
    pub key: &'static str,
    pub shape: Vec<u32>,
    pub lo: f64,
    pub hi: f64,
}

/// What a reference computes from.
pub struct Given {
    pub inputs: Vec<Plain>,
    pub weights: BTreeMap<&'static str, Vec<f64>>,
}

impl Given {
    /// A weight of the case.
    pub fn weight(&self, key: &str) -> &[f64] {
        &self.weights[key]
    }

    /// A weight that the case may not have.
    pub fn optional(&self, key: &str) -> Option<&[f64]> {
        self.weights.get(key).map(Vec::as_slice)
    }
}

type Build = dyn Fn(&mut Graph, &[TensorId], &[ParamId]) -> Result<TensorId>;
type Decode = dyn Fn(&Target, &Shape, Vec<f32>) -> Plain;

pub struct Case {
    pub name: String,
    pub inputs: Vec<Input>,
    pub weights: Vec<Weight>,
    pub params: Vec<Pack>,
    build: Box<Build>,
    expected: Box<dyn Fn(&Given) -> Plain>,
    /// From the op's own layout (Gram matrices, packed matrices) to the reference's.
    decode: Option<Box<Decode>>,
    pub tolerance: Tolerance,
    /// In an f16 plan.
    pub half: Tolerance,
    /// Runs in f32 alone.
    pub large: bool,
}

impl Case {
    /// A single op, compared element by element.
    pub fn new(
        name: impl Into<String>,
        op: impl Into<Op>,
        inputs: Vec<Input>,
        tolerance: Tolerance,
        expected: impl Fn(&Given) -> Plain + 'static,
    ) -> Self {
        let op = op.into();
        Case::chain(name, inputs, tolerance, move |g, x, p| g.add("case", op.clone(), x, p), expected)
    }

    /// Several nodes.
    pub fn chain(
        name: impl Into<String>,
        inputs: Vec<Input>,
        tolerance: Tolerance,
        build: impl Fn(&mut Graph, &[TensorId], &[ParamId]) -> Result<TensorId> + 'static,
        expected: impl Fn(&Given) -> Plain + 'static,
    ) -> Self {
        let half = if tolerance == Tolerance::Exact { Tolerance::Exact } else { Tolerance::Half };
        Case {
            name: name.into(),
            inputs,
            weights: Vec::new(),
            params: Vec::new(),
            build: Box::new(build),
            expected: Box::new(expected),
            decode: None,
            tolerance,
            half,
            large: false,
        }
    }

    pub fn weight(mut self, key: &'static str, shape: &[u32], lo: f64, hi: f64) -> Self {
        self.weights.push(Weight { key, shape: shape.to_vec(), lo, hi });
        self
    }

    pub fn param(mut self, pack: Pack) -> Self {
        self.params.push(pack);
        self
    }

    pub fn decoded(mut self, decode: impl Fn(&Target, &Shape, Vec<f32>) -> Plain + 'static) -> Self {
        self.decode = Some(Box::new(decode));
        self
    }

    pub fn half(mut self, tolerance: Tolerance) -> Self {
        self.half = tolerance;
        self
    }

    pub fn large(mut self) -> Self {
        self.large = true;
        self
    }

    fn input_name(i: usize) -> String {
        format!("input{i}")
    }

    /// The graph, with its output declared.
    pub fn graph(&self, target: &Target, precision: DType) -> Result<Graph> {
        let mut g = Graph::new(target.clone(), precision);
        let mut inputs = Vec::new();
        for (i, input) in self.inputs.iter().enumerate() {
            let id = g.input(&Case::input_name(i), input.shape.clone());
            g.tensors[id.0 as usize].storage = input.storage;
            inputs.push(id);
        }
        let params: Vec<ParamId> = self.params.iter().map(|p| g.param(p.clone())).collect();
        let y = (self.build)(&mut g, &inputs, &params)?;
        g.output("output", y);
        Ok(g)
    }

    /// Values in NCHW order, and the checkpoint. In an f16 plan they are f16 numbers, so that the reference sees what
    /// the kernel sees.
    pub fn values(&self, precision: DType) -> (Vec<Vec<f32>>, StateDict, Given) {
        let round = |values: Vec<f32>, storage: Storage| {
            let dtype = storage.dtype(precision);
            dtype.unpack(&dtype.pack(&values))
        };
        let inputs: Vec<Vec<f32>> = self
            .inputs
            .iter()
            .enumerate()
            .map(|(i, t)| {
                let count = (t.shape.rows() * t.shape.c.logical()) as usize;
                let mut values = uniform(&Case::input_name(i), 1, t.lo, t.hi, count);
                if t.rectified {
                    values.iter_mut().for_each(|v| *v = v.max(0.0));
                }
                round(values, t.storage)
            })
            .collect();
        let tensors: Vec<Tensor> = self
            .weights
            .iter()
            .map(|w| {
                let count = w.shape.iter().product::<u32>() as usize;
                let values = round(uniform(w.key, 2, w.lo, w.hi, count), Storage::Activation);
                Tensor { key: w.key.into(), shape: w.shape.iter().map(|d| *d as usize).collect(), values }
            })
            .collect();
        let given = Given {
            inputs: self
                .inputs
                .iter()
                .zip(&inputs)
                .map(|(t, v)| Plain::from_f32(t.shape.n, t.shape.c.logical(), t.shape.h, t.shape.w, v))
                .collect(),
            weights: self
                .weights
                .iter()
                .zip(&tensors)
                .map(|(w, t)| (w.key, t.values.iter().map(|v| f64::from(*v)).collect()))
                .collect(),
        };
        (inputs, dict(&tensors), given)
    }

    /// NCHW inputs in memory order.
    pub fn memory(&self, inputs: &[Vec<f32>]) -> Vec<Vec<f32>> {
        self.inputs
            .iter()
            .zip(inputs)
            .map(|(t, v)| layout::to_memory(t.shape.n, t.shape.c.segments(), t.shape.h, t.shape.w, v))
            .collect()
    }

    fn run(&self, family: &Family, precision: DType, memory: &[Vec<f32>], dict: &StateDict) -> Result<Plain, String> {
        let graph = self.graph(&family.target, precision).map_err(|e| e.to_string())?;
        let mut outputs = run::guarded(family.gpu, &graph, dict, memory)?;
        let shape = graph.shape(graph.outputs[0].1);
        let values = outputs.pop().ok_or("the graph has no output")?;
        Ok(match &self.decode {
            Some(decode) => decode(&family.target, shape, values),
            None => {
                let (nchw, _) = layout::from_memory(shape.n, shape.c.segments(), shape.h, shape.w, &values);
                Plain::from_f32(shape.n, shape.c.logical(), shape.h, shape.w, &nchw)
            }
        })
    }
}

/// Runs every case in both precisions on every family, and the first case of the table with core limits.
pub fn check(cases: Vec<Case>, families: &[Family]) {
    let mut failures = Vec::new();
    for (i, case) in cases.iter().enumerate() {
        let precisions: &[DType] = if case.large { &[DType::F32] } else { &[DType::F32, DType::F16] };
        for precision in precisions {
            let (inputs, dict, given) = case.values(*precision);
            let memory = case.memory(&inputs);
            let expected = (case.expected)(&given);
            let tolerance = if *precision == DType::F32 { case.tolerance } else { case.half };
            let extra = (i == 0).then(plain);
            for family in families.iter().take(if case.large { 1 } else { 9 }).chain(&extra) {
                let outcome = case.run(family, *precision, &memory, &dict).and_then(|got| {
                    let (a, b) = (got.to_f32(), expected.to_f32());
                    compare(tolerance, (&got.shape(), &a), (&expected.shape(), &b))
                });
                if let Err(why) = outcome {
                    failures.push(format!("{} {} on {}: {why}", case.name, precision.name(), family.name));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}
