//! Cases with task adapters: one output for each task and one for the carrier alone, each task merged and fused.

use std::any::Any;

use serde_json::Value;

use super::network::shape_nchw;
use super::{Checked, Outcome, adapted_unet, rel_l2};
use crate::base::{DType, Result, Shape};
use crate::checkpoint::{Case, Data};
use crate::gpu::Gpu;
use crate::models::instruct_ipt::{InstructIpt, Way};
use crate::models::{Part, ldm_unet};
use crate::run::chop::{Plane, forward_chop};
use crate::run::conditions::{Conditioning, tasks};
use crate::run::model::Model;
use crate::run::plan::PlanKey;

/// Runs every task of `case` in both ways.
pub fn run(gpu: &Gpu, case: &Case, precision: DType) -> Result<Outcome> {
    let dict = case.weights.unwrapped()?;
    let network = InstructIpt::parse(&case.config, &dict)?;
    let mut model = Model::with_network(dict.clone(), Box::new(InstructIpt::parse(&case.config, &dict)?))?;
    let carrier: &dyn Any = network.carrier();
    match carrier.downcast_ref::<ldm_unet::Config>() {
        Some(unet) => {
            let mut step = adapted_unet::Step::new(gpu, case, precision, unet, &mut model)?;
            every(case, &network, &mut |told| step.predict(&network, told))
        }
        None => {
            let image = shape_nchw(case, "input")?;
            let values = image.from_nchw(&case.io.f32("input")?);
            let picture = Picture { gpu, case, precision, image, values };
            every(case, &network, &mut |told| picture.forward(&mut model, &network, told))
        }
    }
}

/// What the adapters are told for one run.
#[derive(Clone, Copy)]
pub(super) struct Told<'w> {
    pub way: Way,
    /// A weight for each task.
    pub weights: &'w [f32],
}

impl Told<'_> {
    /// The conditions of a graph with `images` images, whose carrier is told `rest`.
    pub fn conditions(&self, network: &InstructIpt, images: u32, rest: &[u32]) -> Conditioning {
        match self.way {
            Way::Base => Conditioning { extra: network.extra(Way::Base, &[], rest), ..Conditioning::default() },
            Way::Merged => tasks::merged(network, self.weights, rest),
            Way::Fused => tasks::fused(network, &vec![self.weights.to_vec(); images as usize], None, rest),
        }
    }
}

/// Compares all outputs of the case with what `forward` computes, NCHW.
fn every(case: &Case, network: &InstructIpt, forward: &mut dyn FnMut(Told<'_>) -> Result<Vec<f32>>) -> Result<Outcome> {
    let (mut checked, mut tensors) = (Vec::new(), Vec::new());
    let mut check = |name: &str, way: Way, values: Vec<f32>| -> Result<()> {
        let rel_l2 = rel_l2(&values, &case.io.f32(name)?);
        let suffix = if way == Way::Fused { " (fused)" } else { "" };
        checked.push(Checked { name: format!("{name}{suffix}"), rel_l2, decides: true });
        if way != Way::Fused {
            let shape = case.io.shape(name).unwrap_or_default().to_vec();
            tensors.push((name.to_owned(), shape, Data::F32(values)));
        }
        Ok(())
    };
    let known = &network.adapters().tasks;
    if let Some(name) = case.call.get("no_task_output").and_then(Value::as_str) {
        check(name, Way::Base, forward(Told { way: Way::Base, weights: &vec![0.0; known.len()] })?)?;
    }
    let outputs = case.call.get("per_task_outputs").and_then(Value::as_object);
    let outputs: Vec<(&String, &str)> =
        outputs.into_iter().flatten().filter_map(|(task, name)| Some((task, name.as_str()?))).collect();
    for way in [Way::Merged, Way::Fused] {
        for (task, name) in &outputs {
            check(name, way, forward(Told { way, weights: &tasks::parse(task, known)? })?)?;
        }
    }
    Ok((checked, tensors))
}

/// A case whose carrier takes a picture.
struct Picture<'a> {
    gpu: &'a Gpu,
    case: &'a Case,
    precision: DType,
    image: Shape,
    values: Vec<f32>,
}

impl Picture<'_> {
    fn forward(&self, model: &mut Model, network: &InstructIpt, told: Told<'_>) -> Result<Vec<f32>> {
        // The head, where the carrier has several.
        let head: Vec<u32> = match network.carrier().heads().len() {
            0 => Vec::new(),
            _ => vec![self.case.call.get("scale_idx").and_then(Value::as_u64).unwrap_or(0) as u32],
        };
        // The official tiling of an IPT carrier, whose tiles share their conditions.
        let chopped = self.case.call.get("forward").and_then(Value::as_str) == Some("forward_chop");
        let images = if chopped { 1 } else { self.image.n };
        let conditions = told.conditions(network, images, &head);
        let (h, w) = match model.network().sizes().least {
            side if chopped => (side, side),
            _ => (self.image.h, self.image.w),
        };
        let key = PlanKey { part: Part::main(images, h, w, conditions.extra.clone()), precision: self.precision };
        if !conditions.factors.is_empty() {
            model.merge(self.gpu, &key, &conditions.factors)?;
        }
        if chopped {
            let values = self.image.strip_channels(&self.values);
            let (h, w, c) = (self.image.h as usize, self.image.w as usize, self.image.c.logical() as usize);
            let picture = Plane { h, w, c, values };
            let (out, _) = forward_chop(self.gpu, model, &key, &picture, &conditions.inputs, &mut |_| true)?;
            let planes = (0..c).flat_map(|channel| out.picture.values.iter().skip(channel).step_by(c).copied());
            return Ok(planes.collect());
        }
        let plan = model.plan(self.gpu, &key)?;
        plan.upload(self.gpu, "input", &self.values)?;
        for (name, values) in &conditions.inputs {
            plan.upload(self.gpu, name, values)?;
        }
        plan.run(self.gpu, &mut |_| true)?;
        Ok(plan.output_shape("output")?.to_nchw(&plan.read(self.gpu, "output")?))
    }
}
