//! Task weights built on the device: one dispatch for each adapted weight writes base + factors * product into the
//! buffer that the plans of the model already read. Runs when the task changes; an image costs nothing more.

use std::collections::BTreeMap;

use super::model::{Model, panels};
use super::plan::PlanKey;
use crate::base::{DType, Error, Kind, Result};
use crate::checkpoint::low_rank::{Addition, LowRank, Source};
use crate::checkpoint::prepack::{Pack, Panels};
use crate::gpu::{Gpu, Program};
use crate::kernel::{Binding, Commands, Dispatch, ParamId, Slot, Step, TensorId};
use crate::ops::elementwise::blend;
use crate::ops::matmul::merge::{Sizes, dispatch};

/// The merge of one set of weights, ready to be replayed.
pub(super) struct Merger {
    /// What it merges.
    packs: Vec<Pack>,
    /// The plan that asked last.
    key: PlanKey,
    program: Program,
    factors: Vec<(String, TensorId)>,
    /// The factors of the last run.
    merged: BTreeMap<String, Vec<f32>>,
}

impl Model {
    /// Merges the adapted weights of the part of `key` with these factors (see `Adapters::factors`), unless they are
    /// merged already. Every plan of the model that was made for merged weights sees the result.
    pub fn merge(&mut self, gpu: &Gpu, key: &PlanKey, factors: &BTreeMap<String, Vec<f32>>) -> Result<()> {
        self.move_to(gpu);
        // Every tile asks, and a graph is only built to find out what it reads.
        if self.merger.as_ref().is_some_and(|m| m.key == *key && m.merged == *factors) {
            return Ok(());
        }
        let graph = self.graph(gpu, key, &[])?;
        let merged = |p: &&Pack| matches!(p, Pack::Addition(Addition::Merged { .. }));
        let packs: Vec<Pack> = graph.params.iter().filter(merged).cloned().collect();
        if packs.is_empty() {
            return Err(Error::new(Kind::Other, "this plan has no weights to merge"));
        }
        let ready = self.merger.as_ref().is_some_and(|m| m.packs == packs && m.key.precision == key.precision);
        if !ready {
            self.merger = Some(self.merger_of(gpu, packs, key)?);
        }
        let Some(merger) = &mut self.merger else { return Ok(()) };
        merger.key.clone_from(key);
        if merger.merged == *factors {
            return Ok(());
        }
        // Until the device is done nothing is certain.
        merger.merged.clear();
        for (name, tensor) in &merger.factors {
            let values = factors
                .get(name)
                .ok_or_else(|| Error::new(Kind::Other, format!("the factors {name} of a merge are missing")))?;
            let mut bytes = key.precision.pack(values);
            bytes.resize(merger.program.commands().bytes_of[tensor.0 as usize] as usize, 0);
            merger.program.upload(gpu, *tensor, &bytes)?;
        }
        merger.program.run(gpu, &mut |_| true)?;
        merger.merged.clone_from(factors);
        Ok(())
    }

    /// Floating-point operations of one merge.
    pub fn merge_flops(&self) -> Option<u64> {
        self.merger.as_ref().map(|m| m.program.commands().flops())
    }

    fn merger_of(&mut self, gpu: &Gpu, packs: Vec<Pack>, key: &PlanKey) -> Result<Merger> {
        let precision = key.precision;
        let mut list =
            List { precision, panels: panels(gpu), weight: Vec::new(), steps: Vec::new(), factors: Vec::new() };
        for pack in &packs {
            list.push(gpu, self, pack)?;
        }
        let List { weight, steps, factors, .. } = list;
        let bytes: Vec<u64> = factors
            .iter()
            .map(|(_, len)| u64::from(len.next_multiple_of(4)) * precision.size() as u64)
            .map(|b| b.next_multiple_of(16))
            .collect();
        let tensors: Vec<TensorId> = (0..factors.len() as u32).map(TensorId).collect();
        let commands = Commands {
            steps,
            slots: bytes.iter().map(|bytes| Slot { bytes: *bytes }).collect(),
            slot_of: (0..factors.len()).map(Some).collect(),
            bytes_of: bytes,
            inputs: tensors.clone(),
            outputs: Vec::new(),
        };
        let program = Program::new(gpu, commands, &self.weights, &weight)?;
        let factors = factors.into_iter().map(|(name, _)| name).zip(tensors).collect();
        Ok(Merger { packs, key: key.clone(), program, factors, merged: BTreeMap::new() })
    }
}

/// Floating-point operations of merging `params`, known before anything is on the device.
pub(super) fn flops(gpu: &Gpu, params: &[Pack]) -> u64 {
    let one = |pack: &Pack| {
        let Pack::Addition(Addition::Merged { base, from, .. }) = pack else { return 0 };
        let values = base.bytes(panels(gpu), DType::F32) / 4;
        2 * values
            * match from.as_ref() {
                Source::Product(low) => u64::from(low.rank().next_multiple_of(4)),
                Source::Deltas(d) => d.terms.len() as u64,
            }
    };
    params.iter().map(one).sum()
}

/// The merges of all packs, with the buffers and factors they use.
struct List {
    precision: DType,
    panels: Panels,
    weight: Vec<usize>,
    steps: Vec<Step>,
    /// Names of the lists of factors and their lengths.
    factors: Vec<(String, u32)>,
}

impl List {
    fn push(&mut self, gpu: &Gpu, model: &mut Model, pack: &Pack) -> Result<()> {
        let Pack::Addition(Addition::Merged { base, from, factors }) = pack else { return Ok(()) };
        let result = self.buffer(gpu, model, pack)?;
        let own = self.buffer(gpu, model, base)?;
        let (dispatch, op) = match (from.as_ref(), base.as_ref()) {
            (Source::Deltas(d), _) => {
                let terms = d.terms.len() as u32;
                let total = d.kernel * d.kernel * d.channels.quads();
                let delta = self.buffer(gpu, model, &Pack::Addition(Addition::Deltas(d.clone())))?;
                let s = self.factors_of(factors, terms);
                (blend::dispatch(1, total, terms, self.precision, [own, delta, s, result]), "elementwise/blend")
            }
            (Source::Product(low), base) => {
                let bias = matches!(base, Pack::Bias(_));
                let inner = if bias { Addition::InnerBias(low.clone()) } else { Addition::Inner(low.clone()) };
                let a = self.buffer(gpu, model, &Pack::Addition(inner))?;
                let b = self.buffer(gpu, model, &Pack::Addition(Addition::Outer(low.clone())))?;
                let s = self.factors_of(factors, low.rank());
                (self.product(low, bias, [own, a, b, s, result]), "matmul/merge")
            }
        };
        self.steps.push(Step { dispatch, op, path: pack.name().to_owned() });
        Ok(())
    }

    fn product(&self, low: &LowRank, bias: bool, bindings: [Binding; 5]) -> Dispatch {
        let m = &low.matrix;
        let (width, panels) = m.columns_in(self.panels);
        let sizes = Sizes {
            batch: 1,
            panels,
            depth: if bias { 1 } else { m.kernel.0 * m.kernel.1 * m.inputs.padded() },
            width,
            r4: low.rank().div_ceil(4),
            a_width: self.panels.plain,
            dynamic: false,
            bias,
        };
        dispatch(&sizes, self.precision, bindings)
    }

    fn buffer(&mut self, gpu: &Gpu, model: &mut Model, pack: &Pack) -> Result<Binding> {
        let index = model.upload_one(gpu, pack, self.precision)?;
        let at = self.weight.iter().position(|w| *w == index).unwrap_or_else(|| {
            self.weight.push(index);
            self.weight.len() - 1
        });
        Ok(Binding::Param(ParamId(at as u32)))
    }

    fn factors_of(&mut self, name: &str, len: u32) -> Binding {
        let at = self.factors.iter().position(|(n, _)| n == name).unwrap_or_else(|| {
            self.factors.push((name.to_owned(), len));
            self.factors.len() - 1
        });
        Binding::Tensor(TensorId(at as u32))
    }
}
