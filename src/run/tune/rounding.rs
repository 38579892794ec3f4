//! How a device rounds when it packs f16: WGSL leaves it open, and some drivers cut off, which would take a little from every
//! value that an f16 plan stores.

use crate::base::{DType, Result, Shape};
use crate::gpu::{Gpu, WeightBuffers};
use crate::graph::Graph;
use crate::ops::elementwise::binary::Binary;
use crate::run::plan::Plan;

/// Three quarters of the step from 1 to the next f16.
const PART: f32 = 0.75 / 1024.0;

/// Whether packing rounds toward zero: then 1 and three quarters of a step stay 1.
pub fn truncates(gpu: &Gpu) -> Result<bool> {
    let mut sums = add(gpu, &[1.0; 4], &[PART; 4])?;
    Ok(sums.any(|sum| sum < 1.0 + PART))
}

/// The sums of two lists as an f16 plan stores them; as many numbers in each, a multiple of 4.
pub fn add(gpu: &Gpu, a: &[f32], b: &[f32]) -> Result<impl Iterator<Item = f32> + use<>> {
    let mut graph = Graph::new(gpu.target().clone(), DType::F16);
    let shape = Shape::new(1, 1, 1, a.len() as u32);
    let (x, y) = (graph.input("a", shape.clone()), graph.input("b", shape));
    let sum = graph.add("rounding", Binary::ADD, &[x, y], &[])?;
    graph.output("sum", sum);
    let mut plan = Plan::new(gpu, graph, &WeightBuffers::default(), &[])?;
    plan.upload(gpu, "a", a)?;
    plan.upload(gpu, "b", b)?;
    plan.run(gpu, &mut |_| true)?;
    Ok(plan.read(gpu, "sum")?.into_iter())
}
