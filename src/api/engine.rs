//! The engine: a device, models on it, pictures through them.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::attempt::Attempt;
use super::convert::LICENCE;
use super::instruction::Instruction;
use super::options::{ProtocolChoice, RestoreOptions};
use super::report::{LayerTime, ModelInfo, Report};
use super::shown::Shown;
use crate::base::{DType, Error, Kind, Result, task};
use crate::checkpoint::StateDict;
use crate::gpu::{AdapterSummary, DeviceChoice, Gpu};
use crate::image::{Picture, hidden};
use crate::models::Protocol;
use crate::run::conditions::{Conditioning, genlv, told};
use crate::run::draw::told::map_in;
use crate::run::tiling::{Layout, Request, layout};
use crate::run::{self, facts, official, shipped};
use crate::text::instruction::{Understood, names_a_task, understand};

/// How an engine is made.
#[derive(Debug, Clone, Default)]
pub struct EngineOptions {
    /// Which adapter is opened.
    pub device: DeviceChoice,
    /// Where models are looked up by name, after the embedded ones and before the folders called `weights` in the working
    /// directory and around the program.
    pub models: Option<PathBuf>,
    /// Where measured kernel choices are kept; `None` keeps nothing.
    pub cache: Option<PathBuf>,
}

/// An open device. Engines and models can be sent to other threads; a model restores one picture at a time.
pub struct Engine {
    pub(super) gpu: Gpu,
    models: Option<PathBuf>,
}

/// A loaded model. Its weights are on the device of the engine that it worked with last; another engine, such as one opened
/// after a device was lost, takes it over and uploads them again.
pub struct Model {
    pub(super) inner: run::Model,
    pub(super) name: String,
    /// What a checkpoint that draws was told last, as its network hears it.
    pub(super) spoken: Option<run::draw::Spoken>,
    /// The example pair that was shown last, with its tokens.
    pub(super) shown: Option<Shown>,
}

/// A restored picture and what was done to get it.
#[derive(Debug, Clone)]
pub struct Restored {
    /// The restored picture.
    pub picture: Picture,
    /// How it was made.
    pub report: Report,
}

impl Engine {
    /// Opens an adapter.
    ///
    /// # Errors
    /// [`Kind::NoDevice`] if none may be used; the message says what was looked for. [`Kind::Device`] if it computes wrong
    /// sums.
    pub fn new(options: &EngineOptions) -> Result<Engine> {
        let mut gpu = Gpu::open(&options.device)?;
        run::tune::tune(&mut gpu, options.cache.as_deref())?;
        Ok(Engine { gpu, models: options.models.clone() })
    }

    /// Runs on the device of the host program. Enable [`Engine::wanted_features`] where the adapter has them. The device is
    /// tuned for and checked as by [`Engine::new`], each time anew: nothing is kept on the host's disk.
    ///
    /// # Errors
    /// [`Kind::Device`] if the device computes wrong sums.
    pub fn from_wgpu(adapter: &wgpu::Adapter, device: wgpu::Device, queue: wgpu::Queue) -> Result<Engine> {
        let mut gpu = Gpu::from_wgpu(adapter, device, queue)?;
        run::tune::tune(&mut gpu, None)?;
        Ok(Engine { gpu, models: None })
    }

    /// The same engine with a folder where models are looked up by name; see [`EngineOptions::models`].
    #[must_use]
    pub fn with_models(self, folder: PathBuf) -> Engine {
        Engine { models: Some(folder), ..self }
    }

    /// Why the device is gone for good (a reset, a driver that crashed, an eGPU unplugged); `None` while it works. A call that
    /// fails with [`Kind::Device`] can then be repeated with a new engine and the models at hand. Of the host's own device the
    /// host's callbacks hear it.
    pub fn lost(&self) -> Option<String> {
        self.gpu.lost()
    }

    /// Features that make the engine faster; none is required.
    pub fn wanted_features() -> wgpu::Features {
        Gpu::wanted_features()
    }

    /// What the open adapter says of itself.
    pub fn adapter(&self) -> &AdapterSummary {
        self.gpu.summary()
    }

    pub(crate) fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// Loads a model by path or by name.
    ///
    /// # Errors
    /// [`Kind::ModelMissing`] if there is none, [`Kind::Checkpoint`] if it is damaged or does not match its
    /// architecture; the message names the tensors.
    pub fn load(&self, name: &str) -> Result<Model> {
        Model::from_dict(shipped::open(name, self.models.as_deref())?, name)
    }

    /// Loads the shipped model that does `task` best, or the blend of tasks (`derain=0.7,denoise=0.3`).
    ///
    /// # Errors
    /// [`Kind::Usage`] for an unknown name, [`Kind::ModelMissing`] if no shipped weights do all of it.
    pub fn load_for_task(&self, task: &str) -> Result<Model> {
        self.load_for(&told::parse(task)?)
    }

    fn load_for(&self, shares: &[told::Share]) -> Result<Model> {
        let tasks: Vec<&str> =
            shares.iter().map(|(name, _)| task::find(name).map(|t| t.name)).collect::<Result<_>>()?;
        let does = |m: &Model| tasks.iter().all(|t| m.can_do(t)) && (tasks.len() == 1 || m.blends());
        let mut first = None;
        for model in tasks.iter().flat_map(|t| shipped::serving(t)) {
            match self.load(model) {
                Ok(m) if does(&m) => return Ok(m),
                Ok(_) => {}
                // A damaged file must not hide behind the next best.
                Err(e) if e.kind() != Kind::ModelMissing => return Err(e),
                Err(e) => first = first.or(Some(e)),
            }
        }
        let together = if tasks.len() > 1 { "blend the tasks" } else { "do the task" };
        Err(first.unwrap_or_else(|| {
            Error::new(Kind::ModelMissing, format!("no shipped weights {together} {}", tasks.join(", "))).advice(
                "name weights with --model, or show the task with --prompt-pair; `vernis tasks` lists what is there",
            )
        }))
    }

    /// What [`Engine::restore`] would do: tiles, memory, dispatches. Allocates nothing on the device.
    ///
    /// # Errors
    /// Those of [`Engine::restore`] that show before anything runs.
    pub fn plan(
        &self,
        model: &mut Model,
        size: (u32, u32),
        instruction: &Instruction,
        options: &RestoreOptions,
    ) -> Result<Report> {
        let precision = self.precision(model, options);
        let condition = self.condition(model, instruction, precision, (size, None), options)?;
        let protocol = protocol(model, instruction, options);
        let layout = self.layout(model, size, &condition, precision, (protocol, options))?;
        Ok(self.report(model, &layout, condition, precision))
    }

    /// Restores a picture; checkpoints that draw their answer are called by [`Engine::draw`]. `progress` gets the share
    /// done, 0..=1 and never less than before, several times a second, and cancels by returning `false`. Colour under fully transparent pixels has no
    /// influence and stays as it is.
    ///
    /// # Errors
    /// [`Kind::Usage`] for an instruction the model does not follow, [`Kind::Memory`] if no tile fits the budget,
    /// [`Kind::Guard`] if the result is no picture, [`Kind::Image`] if `picture` is none ([`Picture::check`]),
    /// [`Kind::Device`] if the device fails, [`Kind::Cancelled`].
    pub fn restore(
        &self,
        model: &mut Model,
        picture: &Picture,
        instruction: &Instruction,
        options: &RestoreOptions,
        progress: &mut dyn FnMut(f32) -> bool,
    ) -> Result<Restored> {
        picture.check()?;
        if !(0.0..=1.0).contains(&options.strength) {
            return Err(Error::new(Kind::Usage, format!("a strength of {} makes no sense", options.strength))
                .why("it is the share of the restored picture, 0 to 1"));
        }
        let precision = self.precision(model, options);
        let protocol = protocol(model, instruction, options);
        let mut notes = Vec::new();
        let fitted = protocol.map(|p| official::before(picture, &p)).transpose()?;
        let picture = match &fitted {
            Some(fitted) => {
                notes.extend(official::changes(picture, fitted));
                fitted
            }
            None => picture,
        };
        let covered = hidden::covered(picture);
        let (original, picture) = (picture, covered.as_ref().unwrap_or(picture));
        let condition =
            self.condition(model, instruction, precision, ((picture.width, picture.height), Some(picture)), options)?;
        let start = Instant::now();
        let job = Attempt { picture, condition: &condition, precision, protocol, options };
        // Work that is done again, in f32 or with smaller tiles, takes nothing back.
        let mut most = 0.0f32;
        let mut rising = |share: f32| {
            most = most.max(share);
            progress(most)
        };
        let (layout, mut restored) = self.attempt(model, &job, &mut notes, &mut rising)?;
        run::restore::mix(picture, &mut restored, options.strength);
        hidden::uncover(original, &mut restored);
        if let Some(protocol) = protocol {
            official::after(&mut restored, &protocol);
        }
        let mut report = self.report(model, &layout, condition, precision);
        report.seconds = start.elapsed().as_secs_f64();
        report.notes.extend(notes);
        Ok(Restored { picture: restored, report })
    }

    /// Encodes an example pair and stores its tokens, so that the pair is needed no more.
    ///
    /// # Errors
    /// [`Kind::Usage`] for a model that takes no pairs or pictures of two sizes, [`Kind::Output`] if `to` exists and is not
    /// to be replaced, or cannot be written.
    pub fn save_prompt(
        &self,
        model: &mut Model,
        before: &Picture,
        after: &Picture,
        to: &Path,
        overwrite: bool,
    ) -> Result<()> {
        model.refuse_pairs()?;
        before.check().and_then(|()| after.check())?;
        let prompt = genlv::encode(&mut model.inner, &self.gpu, DType::F32, before, after)?;
        genlv::save(to, &prompt, &model.name, overwrite)
    }

    /// Time of every step of the network on the first tile of a picture of `size`, on the GPU's own clock where it has one.
    ///
    /// # Errors
    /// Those of [`Engine::restore`].
    pub fn profile(
        &self,
        model: &mut Model,
        size: (u32, u32),
        instruction: &Instruction,
        options: &RestoreOptions,
    ) -> Result<Vec<LayerTime>> {
        let precision = self.precision(model, options);
        let condition = self.condition(model, instruction, precision, (size, None), options)?;
        let protocol = protocol(model, instruction, options);
        let layout = self.layout(model, size, &condition, precision, (protocol, options))?;
        let plan = model.inner.plan(&self.gpu, &layout.key)?;
        for (name, values) in &condition.inputs {
            plan.upload(&self.gpu, name, values)?;
        }
        // Compilation happens at the first dispatch on some drivers.
        plan.run(&self.gpu, &mut |_| true)?;
        let steps = plan.profile(&self.gpu)?;
        Ok(steps.into_iter().map(LayerTime::from).collect())
    }

    /// Graphviz and JSON of the lowered graph.
    ///
    /// # Errors
    /// Those of [`Engine::plan`].
    pub fn dump_graph(
        &self,
        model: &mut Model,
        size: (u32, u32),
        instruction: &Instruction,
        options: &RestoreOptions,
    ) -> Result<(String, String)> {
        let precision = self.precision(model, options);
        let condition = self.condition(model, instruction, precision, (size, None), options)?;
        let protocol = protocol(model, instruction, options);
        let layout = self.layout(model, size, &condition, precision, (protocol, options))?;
        let (dot, json) = model.inner.plan(&self.gpu, &layout.key)?.dump();
        Ok((dot, format!("{json:#}")))
    }

    pub(super) fn precision(&self, model: &Model, options: &RestoreOptions) -> DType {
        options
            .precision
            .fixed()
            .unwrap_or_else(|| if self.gpu.summary().software { DType::F32 } else { model.inner.verified_precision() })
    }

    pub(super) fn layout(
        &self,
        model: &Model,
        size: (u32, u32),
        condition: &Conditioning,
        precision: DType,
        (protocol, options): (Option<Protocol>, &RestoreOptions),
    ) -> Result<Layout> {
        let request = Request {
            size: protocol.map_or(Ok(size), |p| official::fitted(size, &p))?,
            extra: &condition.extra,
            precision,
            choice: options.tile,
            budget: options.memory_budget,
            official: protocol.map(|p| p.pad),
        };
        layout(&model.inner, &self.gpu, &request)
    }

    fn report(&self, model: &Model, layout: &Layout, condition: Conditioning, precision: DType) -> Report {
        Report {
            model: model.name.clone(),
            family: model.inner.network().family().to_owned(),
            adapter: self.gpu.summary().name.clone(),
            precision: precision.name().to_owned(),
            tile: layout.tile(),
            tiles: layout.tiles.len() as u32,
            overlap: layout.overlap,
            tile_policy: model.inner.network().sizes().tiles.name().to_owned(),
            activation_bytes: layout.cost.activations,
            weight_bytes: layout.weights,
            flops: layout.cost.flops,
            dispatches: layout.cost.dispatches as u32,
            seconds: 0.0,
            explain: condition.explain,
            notes: condition.unheard,
        }
    }

    /// What the instruction means for this model. `picture` is missing when a restoration is only planned.
    fn condition(
        &self,
        model: &mut Model,
        instruction: &Instruction,
        precision: DType,
        (size, picture): ((u32, u32), Option<&Picture>),
        options: &RestoreOptions,
    ) -> Result<Conditioning> {
        let shares = match instruction {
            Instruction::Pair { before, after } => {
                model.refuse_pairs()?;
                let fit = protocol(model, instruction, options);
                let prompt = self.shown(model, (before, after), precision, fit, picture.is_none())?;
                let explain = format!("example pair of {}x{}", before.width, before.height);
                return genlv::condition(&model.inner, &prompt, explain);
            }
            Instruction::Prompt(path) => {
                model.refuse_pairs()?;
                return genlv::condition(
                    &model.inner,
                    &genlv::load(path)?,
                    format!("stored prompt {}", path.display()),
                );
            }
            Instruction::Task(text) => told::parse(text)?,
            Instruction::Words(text) => shares_of(&understand(text)?),
            Instruction::Blind => Vec::new(),
        };
        let multiple = protocol(model, instruction, options).map_or(model.inner.network().sizes().multiple, |p| p.pad);
        let view = picture.map(|p| (p, multiple));
        let pixels = u64::from(size.0) * u64::from(size.1);
        let budget = options.memory_budget;
        let mut condition = told::condition(&mut model.inner, &self.gpu, precision, &shares, view, pixels, budget)?;
        if let Instruction::Words(text) = instruction {
            condition.explain.insert(0, understand(text)?.to_string());
        }
        Ok(condition)
    }

    /// Loads the shipped model that follows a plain sentence best.
    ///
    /// # Errors
    /// [`Kind::Usage`] for a sentence that is not clear, [`Kind::ModelMissing`] if no shipped weights do all it asks for.
    pub fn load_for_words(&self, text: &str) -> Result<Model> {
        // A sentence that names a map and no damage is not left to guesses.
        match map_in(text).filter(|_| !names_a_task(text)) {
            Some(map) => self.load_for(&[(map.to_owned(), 1.0)]),
            None => self.load_for(&shares_of(&understand(text)?)),
        }
    }
}

/// What the published program does around `model`, where the options ask for it.
fn protocol(model: &Model, instruction: &Instruction, options: &RestoreOptions) -> Option<Protocol> {
    let task = match instruction {
        Instruction::Task(text) => task::find(text).ok().map(|t| t.name),
        _ => None,
    };
    (options.protocol == ProtocolChoice::Official).then(|| model.inner.network().protocol(task))
}

fn shares_of(understood: &Understood) -> Vec<told::Share> {
    understood.weights().into_iter().map(|(task, weight)| (task.name().to_owned(), weight)).collect()
}

impl Model {
    /// A model from a state dict of the host.
    pub fn from_dict(dict: StateDict, name: &str) -> Result<Model> {
        Ok(Model { inner: run::Model::new(dict)?, name: name.to_owned(), spoken: None, shown: None })
    }

    /// The name it goes by in reports.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The family it was recognised as.
    pub fn family(&self) -> &str {
        self.inner.network().family()
    }

    /// Tasks the model can be told, whatever its family.
    pub fn tasks(&self) -> Vec<String> {
        told::tasks(&self.inner)
    }

    /// Whether instructions may mix several tasks by weights.
    pub fn blends(&self) -> bool {
        told::blends(&self.inner)
    }

    /// Whether a task can be shown by an example pair.
    pub fn takes_pairs(&self) -> bool {
        self.inner.network().prompt_width() > 0
    }

    /// Whether it finds out for itself what to do; [`Model::tasks`] are then what it was trained for.
    pub fn chooses(&self) -> bool {
        told::chooses(&self.inner)
    }

    /// What can be asked of it, in words.
    pub fn follows(&self) -> String {
        told::follows(&self.inner)
    }

    /// Whether `task`, by its name in [`TASKS`](crate::TASKS), is among [`Model::tasks`].
    pub fn can_do(&self, task: &str) -> bool {
        self.tasks().iter().any(|t| t == task)
    }

    pub(super) fn refuse_pairs(&self) -> Result<()> {
        if self.takes_pairs() {
            return Ok(());
        }
        let family = self.inner.network().family();
        Err(Error::new(Kind::Usage, format!("{} takes no example pair", self.name))
            .why(format!("it is a {family} checkpoint; it follows {}", told::follows(&self.inner)))
            .advice("use a GenLV checkpoint, such as --model genlv"))
    }

    /// The checkpoint at a glance.
    ///
    /// # Errors
    /// If the network cannot be built at the size that its work is counted on.
    pub fn info(&self) -> Result<ModelInfo> {
        let dict = self.inner.dict();
        let sizes = self.inner.network().sizes();
        let field = |keys: &[&str]| keys.iter().find_map(|k| dict.metadata().get(*k)).cloned();
        Ok(ModelInfo {
            name: self.name.clone(),
            family: self.inner.network().family().to_owned(),
            config: self.inner.network().config().to_string(),
            assumed: self.inner.assumed(),
            parameters: dict.parameters(),
            bytes: dict.bytes(),
            tasks: self.tasks(),
            takes_pairs: self.takes_pairs(),
            multiple: sizes.multiple,
            scale: sizes.scale,
            flops_per_megapixel: facts::flops_per_megapixel(&self.inner)?,
            precision: self.inner.verified_precision().name().to_owned(),
            tile_policy: sizes.tiles.name().to_owned(),
            tile_advice: self.inner.tile_advice(),
            title: field(&["modelspec.title"]),
            license: field(&LICENCE),
        })
    }
}
