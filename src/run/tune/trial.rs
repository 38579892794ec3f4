//! What families are tried on: a 1x1 convolution of a typical size, and plain loops over some of its pixels.

use std::time::Instant;

use serde_json::json;

use crate::base::{Channels, DType, Result, Shape};
use crate::checkpoint::prepack::{Matrix, Pack, Panels};
use crate::checkpoint::{GeneratedWeights, StateDict};
use crate::gpu::{Gpu, WeightBuffers};
use crate::graph::Graph;
use crate::ops::matmul::contract::Contract;
use crate::run::plan::Plan;

/// How many pixels of the output the plain loops repeat.
const PROBES: usize = 64;

pub struct Trial {
    /// Edge of the picture, and its channels before and after.
    edge: u32,
    width: u32,
    weights: StateDict,
    input: Vec<f32>,
}

/// A trial on the device.
pub struct Ready {
    plan: Plan,
    width: usize,
    probed: Vec<usize>,
}

impl Ready {
    /// The time of one replay, by the device's own clock where it has one.
    pub fn seconds(&mut self, gpu: &Gpu) -> Result<f64> {
        if gpu.summary().timestamps {
            return Ok(self.plan.profile(gpu)?.iter().map(|step| step.seconds).sum());
        }
        let start = Instant::now();
        self.plan.run(gpu, &mut |_| true)?;
        Ok(start.elapsed().as_secs_f64())
    }

    /// The output at the probed pixels.
    pub fn output(&self, gpu: &Gpu) -> Result<Vec<f32>> {
        let output = self.plan.read(gpu, "y")?;
        Ok(self.probed.iter().flat_map(|pixel| output[pixel * self.width..][..self.width].to_vec()).collect())
    }
}

impl Trial {
    /// One trial for each class of depth, from shallow to deep. On a GPU large enough to keep all of it busy for a multiple
    /// of what a submit takes, on a software adapter a single one, small enough for a first start.
    pub fn classes(software: bool) -> Result<Vec<Trial>> {
        let sizes: &[(u32, u32)] = if software { &[(96, 64)] } else { &[(256, 48), (256, 96), (128, 192), (128, 384)] };
        sizes.iter().map(|(edge, width)| Trial::new(*edge, *width)).collect()
    }

    fn new(edge: u32, width: u32) -> Result<Trial> {
        let rule = json!({"seed": 1, "tensors": [{"name": "w", "shape": [width, width], "lo": -0.1, "hi": 0.1}]});
        let weights = StateDict::generated(GeneratedWeights::from_json(&rule)?, "tuning");
        // No two neighbours are equal, so that a kernel that mixes up rows or channels is found.
        let input = (0..edge * edge * width).map(|i| (i.wrapping_mul(40_503) >> 8 & 255) as f32 / 255.0).collect();
        Ok(Trial { edge, width, weights, input })
    }

    /// Quads of K.
    pub fn depth(&self) -> u32 {
        self.width / 4
    }

    /// The trial for the family that is set on `gpu`, compiled and run once.
    pub fn ready(&self, gpu: &Gpu, precision: DType) -> Result<Ready> {
        let mut plan = self.plan(gpu, precision)?;
        plan.upload(gpu, "x", &self.input)?;
        plan.run(gpu, &mut |_| true)?;
        Ok(Ready { plan, width: self.width as usize, probed: self.probed().collect() })
    }

    /// What plain loops compute at the probed pixels.
    pub fn expected(&self) -> Result<Vec<f32>> {
        let matrix = self.weights.f32("w")?;
        let width = self.width as usize;
        let product = |row: &[f32], column: &[f32]| row.iter().zip(column).map(|(a, b)| a * b).sum();
        let pixel = |at: usize| {
            let row = &self.input[at * width..][..width];
            matrix.chunks(width).map(|column| product(row, column)).collect::<Vec<f32>>()
        };
        Ok(self.probed().flat_map(pixel).collect())
    }

    fn probed(&self) -> impl Iterator<Item = usize> {
        let pixels = (self.edge * self.edge) as usize;
        // An odd step, so that the probes meet every place in a kernel's tile.
        (0..PROBES).map(move |i| i * (pixels / PROBES - 1))
    }

    fn plan(&self, gpu: &Gpu, precision: DType) -> Result<Plan> {
        let channels = Channels::one(self.width);
        let mut graph = Graph::new(gpu.target().clone(), precision);
        let x = graph.input("x", Shape::new(1, self.edge, self.edge, self.width));
        let matrix = Matrix {
            weight: "w".into(),
            bias: None,
            rows: None,
            columns: None,
            kernel: (1, 1),
            inputs: channels.clone(),
            outputs: channels.clone(),
            gamma: None,
            beta: None,
            out_scale: None,
            gated: false,
            swapped: false,
        };
        let w = graph.param(Pack::Matrix(matrix));
        let y = graph.add("tune", Contract::linear(channels, false), &[x], &[w])?;
        graph.output("y", y);
        let panels = Panels { plain: gpu.target().panel_quads(false), gated: gpu.target().panel_quads(true) };
        let mut weights = WeightBuffers::default();
        let bytes = graph.params[0].pack(&self.weights, panels, precision)?;
        let index = weights.push(gpu, "tuning", &bytes)?;
        Plan::new(gpu, graph, &weights, &[index])
    }
}
