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

    /// The best time of a few replays, in seconds, and the output at the probed pixels.
    pub fn run(&self, gpu: &Gpu, precision: DType) -> Result<(f64, Vec<f32>)> {
        let mut plan = self.plan(gpu, precision)?;
        plan.upload(gpu, "x", &self.input)?;
        // The first run compiles.
        plan.run(gpu, &mut |_| true)?;
        let mut best = f64::INFINITY;
        for _ in 0..4 {
            let start = Instant::now();
            let seconds = if gpu.summary().timestamps {
                plan.profile(gpu)?.iter().map(|step| step.seconds).sum()
            } else {
                plan.run(gpu, &mut |_| true)?;
                start.elapsed().as_secs_f64()
            };
            best = best.min(seconds);
        }
        let output = plan.read(gpu, "y")?;
        let width = self.width as usize;
        Ok((best, self.probed().flat_map(|pixel| output[pixel * width..][..width].to_vec()).collect()))
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
