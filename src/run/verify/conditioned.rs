//! What cases of conditioned families compare besides their outputs: class weights of PIP, chosen prompts of DATPRL-IR.

use super::network::Run;
use super::{Checked, rel_l2};
use crate::base::{Error, Kind, Result, Shape};
use crate::models::datprl::{DEGRADATION, DOMAIN};
use crate::run::conditions::{Conditioning, datprl, pip};
use crate::run::model::Model;
use crate::run::plan::Plan;

impl Run<'_> {
    /// PIP: one class or one pair of classes for each picture.
    pub(super) fn class_weights(&mut self, model: &Model, images: u32) -> Result<Conditioning> {
        let labels = self.case.io.i64("degradation_class")?;
        let each = (labels.len() / images.max(1) as usize).max(1);
        let classes = pip::classes(model);
        let mut weights = Vec::with_capacity(images as usize * classes);
        for row in labels.chunks(each) {
            let shares = row.iter().map(|class| {
                let class = usize::try_from(*class).map_err(|_| {
                    Error::new(Kind::Checkpoint, format!("the case {} has the class {class}", self.case.name))
                })?;
                Ok((class, 1.0))
            });
            weights.extend(pip::blend(classes, &shares.collect::<Result<Vec<_>>>()?)?);
        }
        let shape = Shape::new(images, 1, 1, classes as u32);
        let padded = shape.from_nchw(&weights);
        for level in 1..=3 {
            self.check(&format!("weights{level}"), &shape, &padded)?;
            self.check(&format!("prompt{level}.1"), &shape, &padded)?;
        }
        pip::condition(model, &weights, images)
    }

    /// DATPRL-IR: the indices of the chosen prompts, best first.
    pub(super) fn chosen_prompts(&mut self, plan: &Plan) -> Result<()> {
        for pool in [DOMAIN, DEGRADATION] {
            let rows = datprl::chosen(self.gpu, plan, pool)?;
            let Some(keep) = rows.first().map(Vec::len) else { continue };
            let indices: Vec<f32> = rows.iter().flatten().map(|(i, _)| *i as f32).collect();
            let shape = Shape::new(rows.len() as u32, 1, 1, keep as u32);
            self.check(&format!("{pool}_prompt_pool.1"), &shape, &shape.from_nchw(&indices))?;
        }
        Ok(())
    }

    /// DATPRL-IR: the way that tiles take, the prompt made first and given to the picture network, must end the same.
    pub(super) fn shared_prompt(&mut self, model: &mut Model, image: &Shape) -> Result<()> {
        if !datprl::prompted(model) {
            return Ok(());
        }
        let picture = image.from_nchw(&self.case.io.f32("input")?);
        let conditions = datprl::condition(model, self.gpu, self.precision, (image, &picture), image.n, u64::MAX)?;
        let plan = self.picture(model, image, &conditions)?;
        let ours = plan.output_shape("output")?.to_nchw(&plan.read(self.gpu, "output")?);
        let distance = rel_l2(&ours, &self.case.io.f32("output")?);
        self.checked.push(Checked { name: "output with the prompt given".into(), rel_l2: distance, decides: true });
        Ok(())
    }
}
