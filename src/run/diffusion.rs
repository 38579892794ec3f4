//! The diffusion generalist at work: the text once, the photograph once, then one step replayed until the picture
//! stands.

use super::model::Model;
use super::plan::{Plan, PlanKey};
use crate::base::{DType, Error, Kind, Result, Shape};
use crate::checkpoint::StateDict;
use crate::diffusion::{Finished, Sampler, Settings, Step, gaussian};
use crate::gpu::{Gpu, StepTime};
use crate::graph::lower::Plan as Cost;
use crate::models::diffusion_generalist::{
    Config, FEATURES, NAME, TARGET, detect, features_part, step_part, text_part,
};
use crate::models::{clip_text, ldm_unet};

/// A loaded generalist.
pub struct Generalist {
    model: Model,
    config: Config,
    sampler: Sampler,
    precision: DType,
}

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

impl Generalist {
    /// From a file of the published format.
    pub fn new(dict: StateDict, precision: DType) -> Result<Generalist> {
        let config = detect(&dict).ok_or_else(|| {
            Error::new(Kind::Checkpoint, format!("{} is no {NAME} checkpoint", dict.name()))
                .why("its metadata has no `config` of that family")
        })?;
        let config = Config::parse(&config, &dict)?;
        Generalist::with_config(dict, config, precision)
    }

    pub fn with_config(dict: StateDict, config: Config, precision: DType) -> Result<Generalist> {
        let sampler = Sampler::new(Settings::from_json(&config.diffusion)?)?;
        let model = Model::with_network(dict, Box::new(config.clone()))?;
        Ok(Generalist { model, config, sampler, precision })
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn sampler(&self) -> &Sampler {
        &self.sampler
    }

    pub fn model(&self) -> &Model {
        &self.model
    }

    /// A plan that is used once: its buffers are free again when it is dropped.
    fn once(&mut self, gpu: &Gpu, part: crate::models::Part) -> Result<Plan> {
        self.model.make_plan(gpu, &PlanKey { part, precision: self.precision }, &[])
    }

    /// Runs the text tower over prompts of `tokens` ids each.
    pub fn prompt(&mut self, gpu: &Gpu, ids: &[i64], tokens: usize) -> Result<Prompt> {
        let embedded = clip_text::embed(&self.config.text, self.model.dict(), "text_encoder.", ids, tokens)?;
        let mut plan = self.once(gpu, text_part((ids.len() / tokens) as u32, tokens as u32))?;
        plan.upload(gpu, "embeddings", &plan.input_shape("embeddings")?.pad_channels(&embedded))?;
        plan.run(gpu, &mut |_| true)?;
        let context = (plan.output_shape("context")?, plan.read(gpu, "context")?);
        let names: Vec<String> = plan.outputs().filter(|n| *n != "context").map(str::to_owned).collect();
        let keys = names.into_iter().map(|name| Ok((name.clone(), plan.read(gpu, &name)?)));
        Ok(Prompt { context, keys: keys.collect::<Result<_>>()? })
    }

    /// Runs the image encoder over `n` pictures of RGB in 0..1, channel after channel, of `from` = height and width.
    /// `maps` keeps the features themselves, which no step needs.
    pub fn photograph(
        &mut self,
        gpu: &Gpu,
        pictures: &[f32],
        n: u32,
        from: [u32; 2],
        to: [u32; 2],
        maps: bool,
    ) -> Result<Photograph> {
        let mut plan = self.once(gpu, features_part(n, from, to, maps))?;
        let shape = plan.input_shape("input")?;
        let each = pictures.len() / n.max(1) as usize;
        if each != 3 * (from[0] * from[1]) as usize {
            return Err(Error::new(Kind::Usage, format!("{n} pictures of {from:?} pixels"))
                .why(format!("expected {} values each, got {each}", 3 * from[0] * from[1])));
        }
        let normal: Vec<f32> = pictures.chunks_exact(each).flat_map(|p| self.config.image.normalise(p)).collect();
        plan.upload(gpu, "input", &shape.from_nchw(&normal))?;
        plan.run(gpu, &mut |_| true)?;
        let held = |name: &str| Ok((plan.output_shape(name)?, plan.read(gpu, name)?));
        let names = if maps { &FEATURES[..] } else { &[] };
        Ok(Photograph { start: held("start")?, maps: names.iter().map(|n| held(n)).collect::<Result<_>>()? })
    }

    /// Makes the step ready for these prompts and photographs, of which there are as many, or one for all.
    pub fn steps<'a>(&'a mut self, gpu: &'a Gpu, prompt: &Prompt, photograph: &Photograph) -> Result<Steps<'a>> {
        let (n, tokens) = (prompt.context.0.n, prompt.context.0.w);
        let (shape, start) = &photograph.start;
        if shape.n != n && shape.n != 1 {
            return Err(Error::new(Kind::Usage, format!("{} photographs for {n} prompts", shape.n))
                .advice("give one photograph, or as many as prompts"));
        }
        let key = PlanKey { part: step_part(n, [shape.h, shape.w], tokens), precision: self.precision };
        let plan = self.model.plan(gpu, &key)?;
        plan.upload(gpu, "start", &start.repeat((n / shape.n) as usize))?;
        for (name, values) in &prompt.keys {
            plan.upload(gpu, name, values)?;
        }
        let target = Shape::new(n, shape.h, shape.w, TARGET);
        Ok(Steps { gpu, plan, unet: &self.config.unet, sampler: &self.sampler, target })
    }
}

/// A step made ready.
pub struct Steps<'a> {
    gpu: &'a Gpu,
    plan: &'a mut Plan,
    unet: &'a ldm_unet::Config,
    sampler: &'a Sampler,
    target: Shape,
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

    /// Draws the pictures from seeded noise: x0, nominally in -1..1. `progress` gets the share of all work done.
    pub fn draw(&mut self, seed: u64, progress: &mut dyn FnMut(f32) -> bool) -> Result<Finished> {
        let (n, pixels) = (self.target.n, self.target.pixels() as usize);
        let noise = move |draw: u32| {
            let picture = move |i| gaussian(seed, draw, i, TARGET as usize, pixels);
            (0..n).flat_map(picture).collect::<Vec<f64>>()
        };
        let sampler = self.sampler;
        let count = sampler.steps().len().max(1) as f32;
        let mut fresh = |step: &Step, out: &mut [f64]| {
            out.copy_from_slice(&noise(step.index + 1));
            Ok(())
        };
        let mut denoise = |step: &Step, z: &[f64]| {
            self.denoise(step.t, z, &mut |share| progress((step.index as f32 + share) / count))
        };
        sampler.run(noise(0), n as usize, &mut denoise, &mut fresh, &mut |_| Ok(()))
    }
}
