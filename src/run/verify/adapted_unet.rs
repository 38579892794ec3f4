//! One step of a diffusion UNet that carries task adapters: the projections of the context, then the prediction, both
//! told the same.

use serde_json::Value;

use super::network::shape_nchw;
use super::parts::time;
use super::tasks::Told;
use crate::base::{Channels, DType, Error, Kind, Result, Shape};
use crate::checkpoint::Case;
use crate::gpu::Gpu;
use crate::models::instruct_ipt::InstructIpt;
use crate::models::ldm_unet::{CONTEXT, Config};
use crate::models::{MAIN, Part};
use crate::run::conditions::Conditioning;
use crate::run::model::Model;
use crate::run::plan::PlanKey;

/// The inputs of a step: `sample` [N, C, H, W], `context` [N, tokens, width] and the first of the timesteps.
pub(super) struct Step<'a> {
    gpu: &'a Gpu,
    model: &'a mut Model,
    precision: DType,
    sample: Shape,
    /// Channels of the prediction.
    predicted: u32,
    context: Shape,
    given: [(String, Vec<f32>); 3],
}

impl<'a> Step<'a> {
    pub fn new(gpu: &'a Gpu, case: &Case, precision: DType, unet: &Config, model: &'a mut Model) -> Result<Step<'a>> {
        let sample = shape_nchw(case, "sample")?;
        let Some(&[texts, tokens, width]) = case.io.shape("context") else {
            return Err(Error::new(Kind::Checkpoint, format!("the case {} has no context of 3 axes", case.name)));
        };
        let context = Shape::new(texts as u32, 1, tokens as u32, width as u32);
        let first = case.call.get("timesteps").and_then(|t| t.get(0)).unwrap_or(&Value::Null);
        let given = [
            ("context".to_owned(), context.pad_channels(&case.io.f32("context")?)),
            ("input".to_owned(), sample.from_nchw(&case.io.f32("sample")?)),
            ("time".to_owned(), time(unet, first, sample.n)),
        ];
        Ok(Step { gpu, model, precision, sample, predicted: unet.out_channels, context, given })
    }

    /// The prediction, NCHW.
    pub fn predict(&mut self, network: &InstructIpt, told: Told<'_>) -> Result<Vec<f32>> {
        let [context, input, time] = self.given.clone();
        let (texts, tokens) = (self.context.n, self.context.w);
        let part = Part { name: CONTEXT, n: texts, h: 1, w: tokens, extra: Vec::new() };
        let mut inputs = self.run(part, told.conditions(network, texts, &[]), &[context])?;
        inputs.extend([("input".to_owned(), input.1), ("time".to_owned(), time.1)]);
        let part = Part { name: MAIN, n: self.sample.n, h: self.sample.h, w: self.sample.w, extra: Vec::new() };
        let outputs = self.run(part, told.conditions(network, self.sample.n, &[tokens]), &inputs)?;
        let output = outputs.into_iter().find(|(name, _)| name == "output");
        let (_, values) = output.ok_or_else(|| Error::new(Kind::Other, "the step has no output"))?;
        Ok(Shape { c: Channels::one(self.predicted), ..self.sample.clone() }.to_nchw(&values))
    }

    /// All outputs of a part, in their padded layout.
    fn run(
        &mut self,
        part: Part,
        conditions: Conditioning,
        inputs: &[(String, Vec<f32>)],
    ) -> Result<Vec<(String, Vec<f32>)>> {
        let key = PlanKey { part: Part { extra: conditions.extra, ..part }, precision: self.precision };
        if !conditions.factors.is_empty() {
            self.model.merge(self.gpu, &key, &conditions.factors)?;
        }
        let plan = self.model.plan(self.gpu, &key)?;
        for (name, values) in inputs.iter().chain(&conditions.inputs) {
            plan.upload(self.gpu, name, values)?;
        }
        plan.run(self.gpu, &mut |_| true)?;
        let names: Vec<String> = plan.outputs().map(str::to_owned).collect();
        names.into_iter().map(|name| Ok((name.clone(), plan.read(self.gpu, &name)?))).collect()
    }
}
