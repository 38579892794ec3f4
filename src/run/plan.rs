//! A plan: one network at one size in one precision, lowered, with its buffers on the device.

use crate::base::{DType, Result, Shape};
use crate::gpu::{Gpu, Program, StepTime};
use crate::graph::Graph;
use crate::graph::lower::{Plan as Cost, lower};
use crate::kernel::Commands;
use crate::models::Part;

/// What makes two plans the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PlanKey {
    pub part: Part,
    pub precision: DType,
}

/// A replayable network.
pub struct Plan {
    graph: Graph,
    program: Program,
    cost: Cost,
}

impl Plan {
    /// Lowers `graph` and prepares it. `weight` maps its parameters to `weights`.
    pub fn new(gpu: &Gpu, graph: Graph, weights: &crate::gpu::WeightBuffers, weight: &[usize]) -> Result<Plan> {
        let (commands, cost) = lower(&graph)?;
        let program = Program::new(gpu, commands, weights, weight)?;
        Ok(Plan { graph, program, cost })
    }

    pub fn cost(&self) -> &Cost {
        &self.cost
    }

    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The dispatches, in order.
    pub fn commands(&self) -> &Commands {
        self.program.commands()
    }

    pub fn input_shape(&self, name: &str) -> Result<Shape> {
        Ok(self.graph.shape(self.graph.input_named(name)?).clone())
    }

    pub fn output_shape(&self, name: &str) -> Result<Shape> {
        Ok(self.graph.shape(self.graph.output_named(name)?).clone())
    }

    /// Names of the inputs.
    pub fn inputs(&self) -> impl Iterator<Item = &str> {
        self.graph.inputs.iter().map(|(n, _)| n.as_str())
    }

    /// Names of the outputs, taps included.
    pub fn outputs(&self) -> impl Iterator<Item = &str> {
        self.graph.outputs.iter().map(|(n, _)| n.as_str())
    }

    /// Uploads values in the padded NHWC layout of the input.
    pub fn upload(&self, gpu: &Gpu, name: &str, values: &[f32]) -> Result<()> {
        let t = self.graph.input_named(name)?;
        let info = self.graph.info(t);
        let mut bytes = info.storage.dtype(self.graph.precision).pack(values);
        bytes.resize(self.graph.bytes(t) as usize, 0);
        self.program.upload(gpu, t, &bytes)
    }

    /// Computes all outputs.
    pub fn run(&mut self, gpu: &Gpu, progress: &mut dyn FnMut(f32) -> bool) -> Result<()> {
        self.program.run(gpu, progress)
    }

    /// The values of an output in its padded NHWC layout.
    pub fn read(&self, gpu: &Gpu, name: &str) -> Result<Vec<f32>> {
        let t = self.graph.output_named(name)?;
        let info = self.graph.info(t);
        let mut values = info.storage.dtype(self.graph.precision).unpack(&self.program.read(gpu, t)?);
        values.truncate(info.shape.elements() as usize);
        Ok(values)
    }

    /// One run with the time of every step.
    pub fn profile(&mut self, gpu: &Gpu) -> Result<Vec<StepTime>> {
        self.program.profile(gpu)
    }

    /// Graphviz and JSON of what runs.
    pub fn dump(&self) -> (String, serde_json::Value) {
        let commands = self.program.commands();
        (crate::graph::dump::dot(&self.graph, commands), crate::graph::dump::json(&self.graph, commands, &self.cost))
    }
}
