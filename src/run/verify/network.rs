//! Cases that are one network: inputs, one forward pass, outputs and taps.

use super::{Checked, Outcome, rel_l2};
use crate::base::{DType, Error, Kind, Result, Shape};
use crate::checkpoint::{Case, Data};
use crate::gpu::Gpu;
use crate::models::{Part, datprl, genlv, pip, registry};
use crate::run::conditions::Conditioning;
use crate::run::model::Model;
use crate::run::plan::{Plan, PlanKey};

/// Runs the network of `case`.
pub fn run(gpu: &Gpu, case: &Case, precision: DType) -> Result<Outcome> {
    let network = registry::by_name(&case.family, &case.config, &case.weights)?;
    let mut model = Model::with_network(case.weights.clone(), network)?;
    let mut run = Run { gpu, case, precision, checked: Vec::new(), tensors: Vec::new() };
    run.network(&mut model)?;
    Ok((run.checked, run.tensors))
}

pub(super) struct Run<'a> {
    pub(super) gpu: &'a Gpu,
    pub(super) case: &'a Case,
    pub(super) precision: DType,
    pub(super) checked: Vec<Checked>,
    tensors: Vec<(String, Vec<usize>, Data)>,
}

impl Run<'_> {
    fn network(&mut self, model: &mut Model) -> Result<()> {
        let image = shape_nchw(self.case, "input")?;
        let conditions = match self.case.family.as_str() {
            pip::NAME => self.class_weights(model, image.n)?,
            genlv::NAME => self.example_pair(model)?,
            _ => Conditioning::default(),
        };
        let plan = self.picture(model, &image, &conditions)?;
        let names: Vec<String> = plan.outputs().map(str::to_owned).collect();
        for name in names {
            self.compare(&plan, &name)?;
        }
        if self.case.family == datprl::NAME {
            self.chosen_prompts(&plan)?;
            self.shared_prompt(model, &image)?;
        }
        Ok(())
    }

    /// One run of the picture network, with all taps of the case.
    pub(super) fn picture(&self, model: &mut Model, image: &Shape, conditions: &Conditioning) -> Result<Plan> {
        let part = Part::main(image.n, image.h, image.w, conditions.extra.clone());
        let taps: Vec<String> =
            self.case.taps.iter().filter_map(|t| t.strip_prefix("tap.")).map(str::to_owned).collect();
        let mut plan = model.make_plan(self.gpu, &PlanKey { part, precision: self.precision }, &taps)?;
        plan.upload(self.gpu, "input", &image.from_nchw(&self.case.io.f32("input")?))?;
        for (name, values) in &conditions.inputs {
            plan.upload(self.gpu, name, values)?;
        }
        plan.run(self.gpu, &mut |_| true)?;
        Ok(plan)
    }

    /// GenLV's prompt, where the case has one.
    fn example_pair(&mut self, model: &mut Model) -> Result<Conditioning> {
        if self.case.io.shape("prompt_input").is_none() {
            return Ok(Conditioning::default());
        }
        let (shape, k) = self.tokens(model, 0)?;
        let (_, v) = self.tokens(model, 1)?;
        let inputs = vec![("k".to_owned(), k), ("v".to_owned(), v)];
        Ok(Conditioning { extra: vec![shape.n, shape.pixels()], inputs, ..Conditioning::default() })
    }

    /// Prompt tokens of one picture of the pair, in the layout of the main network's inputs.
    fn tokens(&mut self, model: &mut Model, which: usize) -> Result<(Shape, Vec<f32>)> {
        let name = ["prompt_input", "prompt_target"][which];
        let image = shape_nchw(self.case, name)?;
        let key = PlanKey { part: genlv::prompt_part(image.n, image.h, image.w), precision: self.precision };
        let plan = model.plan(self.gpu, &key)?;
        plan.upload(self.gpu, "input", &image.from_nchw(&self.case.io.f32(name)?))?;
        plan.run(self.gpu, &mut |_| true)?;
        let tokens = plan.read(self.gpu, "tokens")?;
        let shape = plan.output_shape("tokens")?;
        self.check(&format!("Prompt_KV_Encoder.{which}"), &shape, &tokens)?;
        Ok((shape, tokens))
    }

    fn compare(&mut self, plan: &Plan, name: &str) -> Result<()> {
        let values = plan.read(self.gpu, name)?;
        self.check(name, &plan.output_shape(name)?, &values)
    }

    /// Compares with the stored tensor `name` or `tap.name`, whichever the case has.
    pub(super) fn check(&mut self, name: &str, shape: &Shape, nhwc: &[f32]) -> Result<()> {
        let tap = format!("tap.{name}");
        let decides = self.case.io.contains(name);
        let stored = if decides { name } else { &tap };
        let Some(expected_shape) = self.case.io.shape(stored) else { return Ok(()) };
        // Token sequences are stored [B, N, C], which is our order without the padding.
        let ours = match expected_shape {
            [_, _, _] => shape.strip_channels(nhwc),
            _ => shape.to_nchw(nhwc),
        };
        let expected = self.case.io.f32(stored)?;
        self.checked.push(Checked { name: stored.to_owned(), rel_l2: rel_l2(&ours, &expected), decides });
        if decides {
            self.tensors.push((stored.to_owned(), expected_shape.to_vec(), Data::F32(ours)));
        }
        Ok(())
    }
}

/// The NCHW shape of a stored picture.
pub(super) fn shape_nchw(case: &Case, name: &str) -> Result<Shape> {
    match case.io.shape(name) {
        Some(&[n, c, h, w]) => Ok(Shape::new(n as u32, h as u32, w as u32, c as u32)),
        other => Err(Error::new(Kind::Checkpoint, format!("the case {} has no usable tensor {name}", case.name))
            .why(format!("expected 4 axes, got {other:?}"))),
    }
}
