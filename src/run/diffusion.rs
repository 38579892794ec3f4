//! The diffusion generalist at work: the text once, the photograph once, then one step replayed until the picture
//! stands.

use super::model::Model;
use super::plan::{Plan, PlanKey};
use crate::base::{DType, Error, Kind, Result, Shape};
use crate::diffusion::{Finished, Sampler, Step, gaussian};
use crate::gpu::{Gpu, StepTime};
use crate::graph::lower::Plan as Cost;
use crate::models::diffusion_generalist::{Config, FEATURES, NAME, TARGET, features_part, step_part, text_part};
use crate::models::{Part, clip_text, ldm_unet};

/// A model that draws, at one precision.
pub struct Generalist<'a> {
    model: &'a mut Model,
    config: Config,
    sampler: Sampler,
    precision: DType,
}

/// Gets the share of the work at hand that is done; `false` cancels.
pub type Progress<'a> = &'a mut dyn FnMut(f32) -> bool;

/// A tensor read back from the device, in its padded layout.
pub type Held = (Shape, Vec<f32>);

/// What the network was told, ready for any number of pictures.
pub struct Prompt {
    /// The text tower's result.
    pub context: Held,
    /// Keys and values of every cross-attention, by the names of the step's inputs.
    keys: Vec<(String, Vec<f32>)>,
}

/// What the network looks at.
pub struct Photograph {
    /// The features' share of the first convolution.
    start: Held,
    /// The stage maps at the target's size, where they were asked for.
    pub maps: Vec<Held>,
}

/// The configuration of a model that is a generalist.
pub fn config_of(model: &Model) -> Option<&Config> {
    let network: &dyn std::any::Any = model.network();
    network.downcast_ref()
}

impl<'a> Generalist<'a> {
    /// With the sampler of the checkpoint.
    pub fn new(model: &'a mut Model, precision: DType) -> Result<Generalist<'a>> {
        let config = config_of(model).cloned().ok_or_else(|| {
            Error::new(Kind::Checkpoint, format!("{} is no {NAME} checkpoint", model.dict().name()))
                .why(format!("it is a {} checkpoint", model.network().family()))
        })?;
        let sampler = Sampler::new(config.sampling()?)?;
        Ok(Generalist { model, config, sampler, precision })
    }

    /// With another sampler.
    #[must_use]
    pub fn sampled(mut self, sampler: Sampler) -> Self {
        self.sampler = sampler;
        self
    }

    pub fn sampler(&self) -> &Sampler {
        &self.sampler
    }

    pub fn text(&self) -> &clip_text::Config {
        &self.config.text
    }

    fn key(&self, part: Part) -> PlanKey {
        PlanKey { part, precision: self.precision }
    }

    /// Runs the text tower over prompts of `tokens` ids each, once: its buffers are free again afterwards.
    pub fn prompt(&mut self, gpu: &Gpu, ids: &[i64], tokens: usize, progress: Progress<'_>) -> Result<Prompt> {
        let embedded = clip_text::embed(&self.config.text, self.model.dict(), "text_encoder.", ids, tokens)?;
        let key = self.key(text_part((ids.len() / tokens) as u32, tokens as u32));
        let mut plan = self.model.make_plan(gpu, &key, &[])?;
        plan.upload(gpu, "embeddings", &plan.input_shape("embeddings")?.pad_channels(&embedded))?;
        plan.run(gpu, progress)?;
        let context = (plan.output_shape("context")?, plan.read(gpu, "context")?);
        let names: Vec<String> = plan.outputs().filter(|n| *n != "context").map(str::to_owned).collect();
        let keys = names.into_iter().map(|name| Ok((name.clone(), plan.read(gpu, &name)?)));
        Ok(Prompt { context, keys: keys.collect::<Result<_>>()? })
    }

    /// Runs the image encoder over `n` pictures of RGB in 0..1, channel after channel, of `from` = height and width.
    /// `maps` keeps the features themselves, which no step needs. The plan is replayed for the next photograph.
    #[allow(clippy::too_many_arguments)]
    pub fn photograph(
        &mut self,
        gpu: &Gpu,
        pictures: &[f32],
        n: u32,
        from: [u32; 2],
        to: [u32; 2],
        maps: bool,
        progress: Progress<'_>,
    ) -> Result<Photograph> {
        let key = self.key(features_part(n, from, to, maps));
        let plan = self.model.plan(gpu, &key)?;
        let shape = plan.input_shape("input")?;
        let each = pictures.len() / n.max(1) as usize;
        if each != 3 * (from[0] * from[1]) as usize {
            return Err(Error::new(Kind::Usage, format!("{n} pictures of {from:?} pixels"))
                .why(format!("expected {} values each, got {each}", 3 * from[0] * from[1])));
        }
        let normal: Vec<f32> = pictures.chunks_exact(each).flat_map(|p| self.config.image.normalise(p)).collect();
        plan.upload(gpu, "input", &shape.from_nchw(&normal))?;
        plan.run(gpu, progress)?;
        let held = |name: &str| Ok((plan.output_shape(name)?, plan.read(gpu, name)?));
        let levels = if maps { &self.config.image.levels[..] } else { &[] };
        let maps = levels.iter().map(|level| held(FEATURES[*level as usize])).collect::<Result<_>>()?;
        Ok(Photograph { start: held("start")?, maps })
    }

    /// Makes the step ready for these prompts and photographs, of which there are as many, or one for all.
    pub fn steps<'b>(&'b mut self, gpu: &'b Gpu, prompt: &Prompt, photograph: &Photograph) -> Result<Steps<'b>> {
        let (n, tokens) = (prompt.context.0.n, prompt.context.0.w);
        let (shape, start) = &photograph.start;
        if shape.n != n && shape.n != 1 {
            return Err(Error::new(Kind::Usage, format!("{} photographs for {n} prompts", shape.n))
                .advice("give one photograph, or as many as prompts"));
        }
        let key = self.key(step_part(n, [shape.h, shape.w], tokens));
        let plan = self.model.plan(gpu, &key)?;
        plan.upload(gpu, "start", &start.repeat((n / shape.n) as usize))?;
        for (name, values) in &prompt.keys {
            plan.upload(gpu, name, values)?;
        }
        let target = Shape::new(n, shape.h, shape.w, TARGET);
        Ok(Steps { gpu, plan, unet: &self.config.unet, sampler: &self.sampler, target, photographs: shape.n })
    }
}

/// A step made ready.
pub struct Steps<'a> {
    gpu: &'a Gpu,
    plan: &'a mut Plan,
    unet: &'a ldm_unet::Config,
    sampler: &'a Sampler,
    target: Shape,
    photographs: u32,
}

/// What a drawing starts from.
#[derive(Debug, Clone, Copy)]
pub enum Start<'a> {
    /// Noise by number. Prompts about one photograph start from the same noise, so that each draws what it would draw
    /// alone.
    Seed(u64),
    /// Given noise `[3, h, w]` of one picture, for all; the number is for what steps add.
    Given(&'a [f32], u64),
}

impl Steps<'_> {
    /// What the step costs.
    pub fn cost(&self) -> &Cost {
        self.plan.cost()
    }

    /// One call with the time of every dispatch.
    pub fn profile(&mut self) -> Result<Vec<StepTime>> {
        self.plan.profile(self.gpu)
    }

    /// One call of the network at training timestep `t`; values are `[n, 3, h, w]`.
    pub fn denoise(&mut self, t: u32, z: &[f64], progress: &mut dyn FnMut(f32) -> bool) -> Result<Vec<f64>> {
        let z: Vec<f32> = z.iter().map(|v| *v as f32).collect();
        let times = vec![f64::from(t); self.target.n as usize];
        self.plan.upload(self.gpu, "input", &self.target.from_nchw(&z))?;
        self.plan.upload(self.gpu, "time", &ldm_unet::time_features(self.unet, &times))?;
        self.plan.run(self.gpu, progress)?;
        let output = self.plan.read(self.gpu, "output")?;
        Ok(self.target.to_nchw(&output).into_iter().map(f64::from).collect())
    }

    /// Draws the pictures from noise: x0, nominally in -1..1. `progress` gets the index of the step and the share of it
    /// that is done.
    pub fn draw(&mut self, start: Start<'_>, progress: &mut dyn FnMut(u32, f32) -> bool) -> Result<Finished> {
        let (n, pixels) = (self.target.n, self.target.pixels() as usize);
        let shared = self.photographs == 1;
        let (Start::Seed(seed) | Start::Given(_, seed)) = start;
        let noise = move |draw: u32| {
            let picture = move |i| gaussian(seed, draw, if shared { 0 } else { i }, TARGET as usize, pixels);
            (0..n).flat_map(picture).collect::<Vec<f64>>()
        };
        let first = match start {
            Start::Seed(_) => noise(0),
            Start::Given(values, _) if values.len() == TARGET as usize * pixels => {
                let one: Vec<f64> = values.iter().map(|v| f64::from(*v)).collect();
                one.repeat(n as usize)
            }
            Start::Given(values, _) => {
                return Err(Error::new(Kind::Usage, format!("a start of {} values", values.len())).why(format!(
                    "noise for {TARGET} channels of {} x {} is {} values",
                    self.target.w,
                    self.target.h,
                    TARGET as usize * pixels
                )));
            }
        };
        let sampler = self.sampler;
        let mut fresh = |step: &Step, out: &mut [f64]| {
            out.copy_from_slice(&noise(step.index + 1));
            Ok(())
        };
        let mut denoise = |step: &Step, z: &[f64]| self.denoise(step.t, z, &mut |share| progress(step.index, share));
        sampler.run(first, n as usize, &mut denoise, &mut fresh, &mut |_| Ok(()))
    }
}
