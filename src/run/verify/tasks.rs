//! Cases with task adapters: one output for each task and one for the carrier alone, each task merged and fused.

use serde_json::Value;

use super::network::shape_nchw;
use super::{Checked, Outcome, rel_l2};
use crate::base::{DType, Result, Shape};
use crate::checkpoint::{Case, Data};
use crate::gpu::Gpu;
use crate::models::Part;
use crate::models::instruct_ipt::{InstructIpt, Way};
use crate::run::chop::{Plane, forward_chop};
use crate::run::conditions::tasks;
use crate::run::model::Model;
use crate::run::plan::PlanKey;

/// Runs every task of `case` in both ways.
pub fn run(gpu: &Gpu, case: &Case, precision: DType) -> Result<Outcome> {
    let dict = case.weights.unwrapped()?;
    let network = InstructIpt::parse(&case.config, &dict)?;
    let mut model = Model::with_network(dict.clone(), Box::new(InstructIpt::parse(&case.config, &dict)?))?;
    let image = shape_nchw(case, "input")?;
    let mut run = Run {
        gpu,
        case,
        precision,
        values: image.from_nchw(&case.io.f32("input")?),
        image,
        checked: Vec::new(),
        tensors: Vec::new(),
    };
    // The head, where the carrier has several; the carrier alone is told it in the same place.
    let head: Vec<u32> = match network.carrier().heads().len() {
        0 => Vec::new(),
        _ => vec![case.call.get("scale_idx").and_then(Value::as_u64).unwrap_or(0) as u32],
    };
    if let Some(name) = case.call.get("no_task_output").and_then(Value::as_str) {
        let values = run.forward(&mut model, network.extra(Way::Base, &[], &head), &[])?;
        run.check(name, "", values)?;
    }
    let outputs = case.call.get("per_task_outputs").and_then(Value::as_object);
    let outputs: Vec<(&String, &str)> =
        outputs.into_iter().flatten().filter_map(|(task, name)| Some((task, name.as_str()?))).collect();
    for (task, name) in &outputs {
        let weights = tasks::parse(task, &network.adapters().tasks)?;
        let conditioning = tasks::merged(&network, &weights, &head);
        let key = run.key(&model, conditioning.extra.clone());
        model.merge(gpu, &key, &conditioning.factors)?;
        let values = run.forward(&mut model, conditioning.extra, &[])?;
        run.check(name, "", values)?;
    }
    for (task, name) in &outputs {
        let weights = tasks::parse(task, &network.adapters().tasks)?;
        let images = vec![weights; if run.chopped() { 1 } else { run.image.n as usize }];
        let conditioning = tasks::fused(&network, &images, None, &head);
        let values = run.forward(&mut model, conditioning.extra, &conditioning.inputs)?;
        run.check(name, " (fused)", values)?;
    }
    Ok((run.checked, run.tensors))
}

struct Run<'a> {
    gpu: &'a Gpu,
    case: &'a Case,
    precision: DType,
    image: Shape,
    values: Vec<f32>,
    checked: Vec<Checked>,
    tensors: Vec<(String, Vec<usize>, Data)>,
}

impl Run<'_> {
    /// Whether the picture goes through the official tiling of an IPT carrier.
    fn chopped(&self) -> bool {
        self.case.call.get("forward").and_then(Value::as_str) == Some("forward_chop")
    }

    fn key(&self, model: &Model, extra: Vec<u32>) -> PlanKey {
        let side = model.network().sizes().least;
        let part = match self.chopped() {
            true => Part::main(1, side, side, extra),
            false => Part::main(self.image.n, self.image.h, self.image.w, extra),
        };
        PlanKey { part, precision: self.precision }
    }

    fn forward(&self, model: &mut Model, extra: Vec<u32>, inputs: &[(String, Vec<f32>)]) -> Result<Vec<f32>> {
        let key = self.key(model, extra);
        if self.chopped() {
            let values = self.image.strip_channels(&self.values);
            let (h, w, c) = (self.image.h as usize, self.image.w as usize, self.image.c.logical() as usize);
            let (out, _) = forward_chop(self.gpu, model, &key, &Plane { h, w, c, values }, inputs, &mut |_| true)?;
            let planes = (0..c).flat_map(|channel| out.picture.values.iter().skip(channel).step_by(c).copied());
            return Ok(planes.collect());
        }
        let plan = model.plan(self.gpu, &key)?;
        plan.upload(self.gpu, "input", &self.values)?;
        for (name, values) in inputs {
            plan.upload(self.gpu, name, values)?;
        }
        plan.run(self.gpu, &mut |_| true)?;
        Ok(plan.output_shape("output")?.to_nchw(&plan.read(self.gpu, "output")?))
    }

    /// Compares with the stored output `name`; `way` tells the two ways apart.
    fn check(&mut self, name: &str, way: &str, values: Vec<f32>) -> Result<()> {
        let rel_l2 = rel_l2(&values, &self.case.io.f32(name)?);
        self.checked.push(Checked { name: format!("{name}{way}"), rel_l2, decides: true });
        if way.is_empty() {
            let shape = self.case.io.shape(name).unwrap_or_default().to_vec();
            self.tensors.push((name.to_owned(), shape, Data::F32(values)));
        }
        Ok(())
    }
}
