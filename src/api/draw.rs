//! Checkpoints that draw their answer from noise (the diffusion generalist): what they can be told, what a drawing
//! costs, and the drawing itself. The answer is a restored picture or a map.

use std::time::Instant;

use super::drawing::{DrawOptions, DrawReport, DrawTask, Drawing, Drawn, PartPlan};
use super::engine::{Engine, Model};
use super::instruction::Instruction;
use super::options::{ProtocolChoice, RestoreOptions};
use super::report::LayerTime;
use crate::base::{DType, Error, Kind, Result};
use crate::diffusion::codecs::task::{Codec, Task};
use crate::diffusion::{Sampler, Settings};
use crate::image::{Picture, Tile, hidden};
use crate::run::diffusion::{Start, config_of};
use crate::run::draw::{self, Answer, DrawProgress, Order, plan, told};
use crate::run::restore::mix;
use crate::run::tiling::TileChoice;

/// An instruction and options, checked against a checkpoint.
struct Brief<'a> {
    task: Task,
    explain: String,
    sampler: Sampler,
    start: Start<'a>,
    precision: DType,
    tiles: Vec<Tile>,
}

impl Brief<'_> {
    fn order(&self) -> Order<'_> {
        let Brief { task, sampler, start, precision, tiles, .. } = self;
        Order { task, sampler, start: *start, precision: *precision, tiles }
    }
}

impl Engine {
    /// Draws the answer about a photograph of any size. The network looks at the whole photograph, brought to its own
    /// size, unless a tile edge is given or the checkpoint itself asks for tiles; the answer is brought back to the
    /// photograph's size. Colour under fully transparent pixels has no influence, and stays as it is where the answer is a
    /// picture. `progress` gets what is done several times a second, and cancels by returning `false`. The
    /// same seed gives the same answer, to the precision of the device's arithmetic.
    ///
    /// # Errors
    /// [`Kind::Usage`] for a model that does not draw, an instruction it does not follow or options out of range,
    /// [`Kind::Memory`] if it does not fit the budget, [`Kind::Guard`] if the result is no picture, [`Kind::Image`] if
    /// `photo` is none, [`Kind::Device`] if the device fails, [`Kind::Cancelled`].
    pub fn draw(
        &self,
        model: &mut Model,
        photo: &Picture,
        instruction: &Instruction,
        options: &DrawOptions,
        progress: &mut dyn FnMut(DrawProgress) -> bool,
    ) -> Result<Drawn> {
        photo.check()?;
        let covered = hidden::covered(photo);
        let (original, photo) = (photo, covered.as_ref().unwrap_or(photo));
        let size = (photo.width, photo.height);
        let brief = self.brief(model, size, instruction, options)?;
        let mut report = self.draw_report(model, &brief)?;
        if report.peak_bytes() > options.restore.memory_budget {
            return Err(Error::new(Kind::Memory, "the drawing does not fit the memory budget")
                .why(format!(
                    "it needs {} MiB ({} of weights), the budget is {} MiB",
                    report.peak_bytes() >> 20,
                    report.weight_bytes >> 20,
                    options.restore.memory_budget >> 20
                ))
                .advice("raise --memory-budget, or use --precision f16"));
        }
        let start = Instant::now();
        let (gpu, spoken) = (&self.gpu, &mut model.spoken);
        // What is drawn again in f32 takes nothing back.
        let mut most = 0.0f32;
        let mut rising = |at: DrawProgress| {
            most = most.max(at.share);
            progress(DrawProgress { share: most, ..at })
        };
        let mut answer =
            draw::draw(&mut model.inner, gpu, photo, &brief.order(), spoken, &mut report.notes, &mut rising)?;
        if let Answer::Picture(drawn) = &mut answer {
            mix(photo, drawn, options.restore.strength);
            hidden::uncover(original, drawn);
        }
        report.seconds = start.elapsed().as_secs_f64();
        Ok(Drawn { answer, report })
    }

    /// What [`Engine::draw`] would do for a photograph of `size`: the parts, their memory, their operations. Allocates
    /// nothing on the device.
    ///
    /// # Errors
    /// Those of [`Engine::draw`] that show before anything runs.
    pub fn plan_drawing(
        &self,
        model: &Model,
        size: (u32, u32),
        instruction: &Instruction,
        options: &DrawOptions,
    ) -> Result<DrawReport> {
        self.draw_report(model, &self.brief(model, size, instruction, options)?)
    }

    /// Time of every kernel of the text tower, the image encoder and one step, each run once.
    ///
    /// # Errors
    /// Those of [`Engine::draw`].
    pub fn profile_drawing(
        &self,
        model: &mut Model,
        size: (u32, u32),
        instruction: &Instruction,
        options: &DrawOptions,
    ) -> Result<Vec<LayerTime>> {
        let brief = self.brief(model, size, instruction, options)?;
        let steps = draw::profile(&mut model.inner, &self.gpu, &brief.order())?;
        Ok(steps.into_iter().map(LayerTime::from).collect())
    }

    /// Graphviz and JSON of the lowered graph of one step.
    ///
    /// # Errors
    /// Those of [`Engine::plan_drawing`].
    pub fn dump_drawing(
        &self,
        model: &mut Model,
        size: (u32, u32),
        instruction: &Instruction,
        options: &DrawOptions,
    ) -> Result<(String, String)> {
        let brief = self.brief(model, size, instruction, options)?;
        let [_, _, step] = plan::keys(&model.inner, &brief.order())?;
        let (dot, json) = model.inner.plan(&self.gpu, &step)?.dump();
        Ok((dot, format!("{json:#}")))
    }

    fn brief<'a>(
        &self,
        model: &Model,
        size: (u32, u32),
        instruction: &Instruction,
        options: &'a DrawOptions,
    ) -> Result<Brief<'a>> {
        let (task, explain) = model.told(instruction)?;
        let RestoreOptions { tile, strength, protocol, .. } = options.restore;
        if !(0.0..=1.0).contains(&strength) || (strength < 1.0 && task.codec != Codec::Rgb) {
            return Err(Error::new(Kind::Usage, format!("a strength of {strength} for the task {}", task.name))
                .why("it is the share of a restored picture, 0 to 1; a map is not mixed with the photograph")
                .advice("leave --strength out"));
        }
        let edge = match tile {
            TileChoice::Edge(edge) if protocol == ProtocolChoice::Official => {
                return Err(Error::new(Kind::Usage, format!("tiles of {edge} pixels in the official protocol"))
                    .why("the published system looks at the whole photograph")
                    .advice("leave --tile or --protocol out"));
            }
            TileChoice::Edge(edge) => Some((edge, edge / 4)),
            TileChoice::Auto if task.codec == Codec::Rgb && protocol != ProtocolChoice::Official => {
                model.inner.tile_advice()
            }
            TileChoice::Auto | TileChoice::Off => None,
        };
        let tiles = draw::tiles(&task, size, edge)?;
        let sampler = sampler(model.settings()?, options)?;
        let start = match &options.noise {
            Some(values) => Start::Given(values, options.seed),
            None => Start::Seed(options.seed),
        };
        let precision = self.precision(model, &options.restore);
        Ok(Brief { task, explain, sampler, start, precision, tiles })
    }

    fn draw_report(&self, model: &Model, brief: &Brief<'_>) -> Result<DrawReport> {
        let steps = brief.sampler.steps().len() as u32;
        let parts = plan::parts(&model.inner, &self.gpu, &brief.order(), steps)?;
        let [target, condition] = <[[u32; 2]; 2]>::from(draw::sizes(&model.inner)?).map(|[h, w]| (w, h));
        let tile = brief.tiles.first().map_or((0, 0), |t| (t.w, t.h));
        let mut notes = Vec::new();
        if brief.task.codec == Codec::Rgb && (tile.0 > target.0 || tile.1 > target.1) {
            notes.push(format!(
                "drawn at {}x{} and enlarged to {}x{}: finer detail is lost; --tile {} draws pixel for pixel",
                target.0,
                target.1,
                tile.0,
                tile.1,
                target.0.min(target.1)
            ));
        }
        Ok(DrawReport {
            model: model.name.clone(),
            family: model.inner.network().family().to_owned(),
            adapter: self.gpu.summary().name.clone(),
            precision: brief.precision.name().to_owned(),
            task: describe(&brief.task),
            target,
            condition,
            steps,
            eta: brief.sampler.settings().eta,
            tile,
            tiles: brief.tiles.len() as u32,
            activation_bytes: plan::activations(&parts),
            weight_bytes: plan::weights(&parts),
            parts: parts
                .iter()
                .map(|p| PartPlan {
                    name: p.name.to_owned(),
                    runs: p.runs,
                    activation_bytes: p.cost.activations,
                    weight_bytes: p.weights,
                    flops: p.cost.flops,
                    dispatches: p.cost.dispatches as u32,
                })
                .collect(),
            seconds: 0.0,
            explain: vec![brief.explain.clone()],
            notes,
        })
    }
}

impl Model {
    /// Whether the model's answers are drawn by [`Engine::draw`] rather than restored by [`Engine::restore`].
    pub fn draws(&self) -> bool {
        config_of(&self.inner).is_some()
    }

    /// How the checkpoint draws and what it can be told; `None` for a model that does not draw.
    pub fn drawing(&self) -> Option<Drawing> {
        let config = config_of(&self.inner)?;
        let settings = config.sampling().ok()?;
        let [target, condition] = [config.target_size, config.cond_size].map(|[h, w]| (w, h));
        let tasks = config.told().ok()?.iter().map(describe).collect();
        let Settings { steps, train_steps, eta, .. } = settings;
        Some(Drawing { target, condition, steps, most_steps: train_steps, eta, tasks })
    }

    /// The task of this checkpoint that an instruction means.
    ///
    /// # Errors
    /// [`Kind::Usage`] if it has no such task, lists its tasks, or does not draw.
    pub fn draw_task(&self, instruction: &Instruction) -> Result<DrawTask> {
        Ok(describe(&self.told(instruction)?.0))
    }

    fn settings(&self) -> Result<Settings> {
        config_of(&self.inner).ok_or_else(|| self.draws_not())?.sampling()
    }

    fn told(&self, instruction: &Instruction) -> Result<(Task, String)> {
        let tasks = config_of(&self.inner).ok_or_else(|| self.draws_not())?.told()?;
        let named = |task: Task| {
            let prompts: Vec<String> = task.prompts.iter().map(|p| format!("\"{p}\"")).collect();
            let explain = format!("task {}, prompt {}", task.name, prompts.join(" and "));
            (task, explain)
        };
        match instruction {
            Instruction::Task(name) => told::by_name(&tasks, name).map(named),
            Instruction::Words(words) => {
                let (task, heard) = told::by_words(&tasks, words)?;
                let (task, explain) = named(task);
                Ok((task, format!("{heard}: {explain}")))
            }
            Instruction::Blind => told::only(&tasks).map(named),
            Instruction::Pair { .. } | Instruction::Prompt(_) => {
                self.refuse_pairs()?;
                told::only(&tasks).map(named)
            }
        }
    }

    fn draws_not(&self) -> Error {
        let family = self.inner.network().family();
        Error::new(Kind::Usage, format!("{} does not draw", self.name))
            .why(format!("it is a {family} checkpoint, which restores pictures"))
            .advice("call Engine::restore")
    }
}

/// The checkpoint's sampler with what the options change; a change that is out of range is the caller's mistake.
fn sampler(mut settings: Settings, options: &DrawOptions) -> Result<Sampler> {
    if options.steps.is_none() && options.eta.is_none() {
        return Sampler::new(settings);
    }
    let asked: Vec<String> = [options.steps.map(|s| format!("{s} steps")), options.eta.map(|e| format!("eta {e}"))]
        .into_iter()
        .flatten()
        .collect();
    settings.eta = options.eta.unwrap_or(settings.eta);
    let steps = options.steps.unwrap_or(settings.steps);
    settings.with_steps(steps).and_then(Sampler::new).map_err(|e| {
        Error::new(Kind::Usage, format!("the checkpoint cannot draw with {}", asked.join(" and "))).why(e.reason())
    })
}

fn describe(task: &Task) -> DrawTask {
    let about = match &task.codec {
        Codec::Rgb => "a restored picture".to_owned(),
        Codec::Depth(range) => format!("a depth map, {} to {}", range.min(), range.max()),
        Codec::Semantic { classes } => format!("a label map, {classes} classes"),
        Codec::Instance { instances } => format!("objects one by one, at most {instances}"),
        Codec::Panoptic { classes, instances, .. } => {
            format!("segments of {classes} classes, at most {instances} things one by one")
        }
    };
    DrawTask { name: task.name.clone(), prompts: task.prompts.clone(), map: draw::kind(&task.codec), about }
}
