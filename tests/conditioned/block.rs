//! Networks that are one part of a real one, so that a part can be run and measured alone.

use serde_json::{Value, json};
use vernis::base::{DType, Result, Shape};
use vernis::checkpoint::{GeneratedWeights, StateDict};
use vernis::gpu::Gpu;
use vernis::kernel::TensorId;
use vernis::models::{Network, Part, Sizes, TilePolicy};
use vernis::nn::Build;
use vernis::run::{Model, Plan, PlanKey};

type Graph = dyn Fn(&mut Build<'_>, &[TensorId]) -> Result<TensorId> + Send + Sync;

/// Inputs `input0`, ... and one output.
pub struct Piece {
    pub inputs: Vec<Shape>,
    pub graph: Box<Graph>,
}

impl std::fmt::Debug for Piece {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Piece({:?})", self.inputs)
    }
}

impl Network for Piece {
    fn family(&self) -> &'static str {
        "piece"
    }

    fn config(&self) -> Value {
        json!({})
    }

    fn sizes(&self) -> Sizes {
        Sizes { multiple: 1, least: 1, scale: 1, tiles: TilePolicy::Local }
    }

    fn build(&self, b: &mut Build<'_>, _: &Part) -> Result<()> {
        let inputs: Vec<TensorId> =
            self.inputs.iter().enumerate().map(|(i, s)| b.graph.input(&format!("input{i}"), s.clone())).collect();
        let y = (self.graph)(b, &inputs)?;
        b.graph.output("output", y);
        Ok(())
    }
}

pub fn key() -> PlanKey {
    PlanKey { part: Part::main(1, 1, 1, Vec::new()), precision: DType::F32 }
}

/// Weights of the given keys and shapes.
pub fn weights(tensors: &[(&str, Vec<u32>)]) -> StateDict {
    let tensors: Vec<Value> =
        tensors.iter().map(|(name, shape)| json!({"name": name, "shape": shape, "lo": -0.5, "hi": 0.5})).collect();
    let rule = GeneratedWeights::from_json(&json!({"seed": 11, "tensors": tensors})).expect("the rule");
    StateDict::generated(rule, "weights")
}

/// A plan that holds its inputs, given in NCHW order.
pub fn plan(gpu: &Gpu, dict: &StateDict, piece: Piece, inputs: &[impl AsRef<[f32]>]) -> Plan {
    let shapes = piece.inputs.clone();
    let mut model = Model::with_network(dict.clone(), Box::new(piece)).expect("a model");
    let plan = model.make_plan(gpu, &key(), &[]).expect("a plan");
    for (i, (shape, values)) in shapes.iter().zip(inputs).enumerate() {
        plan.upload(gpu, &format!("input{i}"), &shape.from_nchw(values.as_ref())).expect("uploaded");
    }
    plan
}

/// The result for inputs in NCHW order, in that order.
pub fn run(gpu: &Gpu, dict: &StateDict, piece: Piece, inputs: &[&[f32]]) -> Vec<f32> {
    let mut plan = plan(gpu, dict, piece, inputs);
    plan.run(gpu, &mut |_| true).expect("run");
    let shape = plan.output_shape("output").expect("an output");
    shape.to_nchw(&plan.read(gpu, "output").expect("read"))
}

/// `count` values between -1 and 1.
pub fn values(seed: u64, count: usize) -> Vec<f32> {
    let mut out = vec![0.0; count];
    vernis::checkpoint::generate::fill_uniform(seed, 0, -1.0, 1.0, &mut out);
    out
}
