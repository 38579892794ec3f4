//! What a drawing costs, before anything is allocated: the text tower once, the image encoder once a window, the step
//! over and over.

use super::{Order, sizes};
use crate::base::Result;
use crate::gpu::Gpu;
use crate::graph::lower::Plan as Cost;
use crate::models::diffusion_generalist::{features_part, step_part, text_part};
use crate::run::model::Model;
use crate::run::plan::PlanKey;
use crate::text::tokenizer::LENGTH;

/// One of the three graphs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PartCost {
    pub name: &'static str,
    /// How often it runs for one photograph.
    pub runs: u32,
    /// Of one run.
    pub cost: Cost,
    /// Bytes of the weights it reads.
    pub weights: u64,
}

/// The plans of text tower, image encoder and step.
pub fn keys(model: &Model, order: &Order<'_>) -> Result<[PlanKey; 3]> {
    let (target, cond) = sizes(model)?;
    let prompts = order.task.prompts.len() as u32;
    let parts = [
        text_part(prompts, LENGTH as u32),
        features_part(1, cond, target, false),
        step_part(prompts, target, LENGTH as u32),
    ];
    Ok(parts.map(|part| PlanKey { part, precision: order.precision }))
}

/// The three parts in the order they run, with `steps` steps a window.
pub fn parts(model: &Model, gpu: &Gpu, order: &Order<'_>, steps: u32) -> Result<[PartCost; 3]> {
    let tiles = order.tiles.len() as u32;
    let runs = [("text", 1), ("features", tiles), ("step", tiles * steps)];
    let [text, features, step] = keys(model, order)?.map(|key| model.cost(gpu, &key));
    let [text, features, step] = [text?, features?, step?];
    let part = |i: usize, (cost, weights)| PartCost { name: runs[i].0, runs: runs[i].1, cost, weights };
    Ok([part(0, text), part(1, features), part(2, step)])
}

/// Bytes of activations held at once: the text tower's buffers are free again before the others are made.
pub fn activations([text, features, step]: &[PartCost; 3]) -> u64 {
    text.cost.activations.max(features.cost.activations + step.cost.activations)
}

/// Bytes of all weights on the device; they stay for the next picture.
pub fn weights(parts: &[PartCost; 3]) -> u64 {
    parts.iter().map(|p| p.weights).sum()
}
