//! What a drawing is asked for and what is said of it: plain values.

use super::options::RestoreOptions;
use crate::image::MapKind;
use crate::run::draw::Answer;

/// Options of one drawing.
#[derive(Debug, Clone, PartialEq)]
pub struct DrawOptions {
    /// Precision and memory budget; `strength` and a tile edge for restorations alone. A tile is drawn at the
    /// checkpoint's own target size, whatever its edge: an edge of that size draws pixel for pixel.
    pub restore: RestoreOptions,
    /// Denoising steps, 1 to the number the checkpoint was trained with; `None` leaves it to the checkpoint.
    pub steps: Option<u32>,
    /// Fresh noise in each step, 0 (none) to 1; `None` leaves it to the checkpoint.
    pub eta: Option<f64>,
    /// The number of the noise. The same number gives the same noise on every device.
    pub seed: u64,
    /// The noise itself instead of a number: normal values `[3, height, width]` of the target size.
    pub noise: Option<Vec<f32>>,
}

/// The published size takes 2.4 GiB of weights in f16 and 4.8 GiB in f32.
const BUDGET: u64 = 8 << 30;

impl Default for DrawOptions {
    fn default() -> Self {
        let restore = RestoreOptions { memory_budget: BUDGET, ..RestoreOptions::default() };
        DrawOptions { restore, steps: None, eta: None, seed: 0, noise: None }
    }
}

/// One task of a checkpoint that draws.
#[derive(Debug, Clone, PartialEq)]
pub struct DrawTask {
    /// What it is called in an instruction.
    pub name: String,
    /// What the network is told; a drawing for each.
    pub prompts: Vec<String>,
    /// The kind of map it answers with; `None` for a restored picture.
    pub map: Option<MapKind>,
    /// One line on the answer.
    pub about: String,
}

/// How a checkpoint draws.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawing {
    /// Width and height of what it draws.
    pub target: (u32, u32),
    /// Width and height of what it looks at.
    pub condition: (u32, u32),
    /// Denoising steps where nothing else is asked for.
    pub steps: u32,
    /// The most steps that can be asked for.
    pub most_steps: u32,
    /// Fresh noise in each step where nothing else is asked for, 0 to 1.
    pub eta: f64,
    /// What it can be asked for.
    pub tasks: Vec<DrawTask>,
}

/// One of the networks of a drawing, as it is planned.
#[derive(Debug, Clone, PartialEq)]
pub struct PartPlan {
    /// `text`, `features` or `step`.
    pub name: String,
    /// How often it runs for one photograph.
    pub runs: u32,
    /// Bytes on the device.
    pub activation_bytes: u64,
    /// Bytes on the device.
    pub weight_bytes: u64,
    /// Of one run.
    pub flops: u64,
    /// Of one run.
    pub dispatches: u32,
}

/// The outcome of a drawing or of its plan.
#[derive(Debug, Clone)]
pub struct DrawReport {
    /// Name of the weights.
    pub model: String,
    /// Their family.
    pub family: String,
    /// Name of the adapter.
    pub adapter: String,
    /// Storage of weights and activations, `f32` or `f16`.
    pub precision: String,
    /// The task that the instruction was understood as.
    pub task: DrawTask,
    /// Width and height of what is drawn.
    pub target: (u32, u32),
    /// Width and height of what the network looks at.
    pub condition: (u32, u32),
    /// Denoising steps.
    pub steps: u32,
    /// Fresh noise in each step, 0 to 1.
    pub eta: f64,
    /// Width and height of one window of the photograph.
    pub tile: (u32, u32),
    /// Windows of the photograph.
    pub tiles: u32,
    /// The networks that run, in their order.
    pub parts: Vec<PartPlan>,
    /// Bytes held on the device at once.
    pub activation_bytes: u64,
    /// Bytes of weights on the device.
    pub weight_bytes: u64,
    /// From the first upload to the answer; 0 in a plan.
    pub seconds: f64,
    /// How the instruction was understood.
    pub explain: Vec<String>,
    /// Anything the user should know.
    pub notes: Vec<String>,
}

impl DrawReport {
    /// Planned device memory.
    pub fn peak_bytes(&self) -> u64 {
        self.activation_bytes + self.weight_bytes
    }
}

/// An answer and how it was made.
#[derive(Debug, Clone)]
pub struct Drawn {
    /// At the photograph's size.
    pub answer: Answer,
    /// How it was made.
    pub report: DrawReport,
}
