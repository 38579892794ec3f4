//! A loaded checkpoint: its network, its weights on the device, its plans.

use std::collections::{BTreeSet, HashMap};

use super::plan::{Plan, PlanKey};
use crate::base::{DType, Result};
use crate::checkpoint::StateDict;
use crate::checkpoint::prepack::{Pack, Panels};
use crate::gpu::{Gpu, WeightBuffers};
use crate::graph::Graph;
use crate::graph::fuse::fuse;
use crate::graph::lower::{Plan as Cost, lower};
use crate::graph::split::split;
use crate::models::{Network, registry};
use crate::nn::Build;

/// Tensors of our own files that are no weights of the network: stored prompt tokens.
pub const PROMPT_PREFIX: &str = "vernis.prompt.";

/// A checkpoint and everything derived from it.
pub struct Model {
    dict: StateDict,
    network: Box<dyn Network>,
    weights: WeightBuffers,
    /// Index in `weights` by what was packed.
    packed: HashMap<(Pack, DType), usize>,
    plans: HashMap<PlanKey, Plan>,
}

impl Model {
    /// Detects the family of a checkpoint and proves that it holds exactly the weights its network reads.
    pub fn new(dict: StateDict) -> Result<Model> {
        let dict = dict.unwrapped()?;
        let network = registry::network(&dict)?;
        Model::with_network(dict, network)
    }

    pub fn with_network(dict: StateDict, network: Box<dyn Network>) -> Result<Model> {
        let dict = network.canonical(&dict)?;
        let model =
            Model { dict, network, weights: WeightBuffers::default(), packed: HashMap::new(), plans: HashMap::new() };
        model.prove()?;
        Ok(model)
    }

    /// Builds every part of the network at its smallest size, to find missing, misshapen and unread weights now.
    fn prove(&self) -> Result<()> {
        let mut used = BTreeSet::new();
        for part in self.network.parts() {
            let graph = Graph::new(crate::kernel::Target::core(), DType::F32);
            let mut b = Build::new(graph, &self.dict, &[]);
            self.network.build(&mut b, &part)?;
            used.extend(b.into_parts().1);
        }
        used.extend(self.dict.keys().filter(|k| k.starts_with(PROMPT_PREFIX)).map(str::to_owned));
        crate::nn::refuse_unread(&self.dict, &used)
    }

    pub fn dict(&self) -> &StateDict {
        &self.dict
    }

    pub fn network(&self) -> &dyn Network {
        self.network.as_ref()
    }

    /// The fused graph of a part.
    pub fn graph(&self, gpu: &Gpu, key: &PlanKey, taps: &[String]) -> Result<Graph> {
        let graph = Graph::new(gpu.target().clone(), key.precision);
        let mut b = Build::new(graph, &self.dict, taps);
        self.network.build(&mut b, &key.part)?;
        let (mut graph, _) = b.into_parts();
        fuse(&mut graph);
        split(&mut graph)?;
        Ok(graph)
    }

    /// What a plan would cost, with the bytes of all weights it reads; nothing is allocated.
    pub fn cost(&self, gpu: &Gpu, key: &PlanKey) -> Result<(Cost, u64)> {
        let graph = self.graph(gpu, key, &[])?;
        let panels = panels(gpu);
        let weights = graph.params.iter().map(|p| p.bytes(panels, key.precision)).sum();
        Ok((lower(&graph)?.1, weights))
    }

    /// The plan for `key`, made when it is first asked for. Plans of other sizes of the same part are dropped first,
    /// so that memory does not grow with the number of sizes seen.
    pub fn plan(&mut self, gpu: &Gpu, key: &PlanKey) -> Result<&mut Plan> {
        if !self.plans.contains_key(key) {
            self.plans.retain(|k, _| k.part.name != key.part.name);
            let plan = self.make_plan(gpu, key, &[])?;
            self.plans.insert(key.clone(), plan);
        }
        Ok(self.plans.get_mut(key).expect("inserted above"))
    }

    /// A plan with taps as additional outputs, not kept.
    pub fn make_plan(&mut self, gpu: &Gpu, key: &PlanKey, taps: &[String]) -> Result<Plan> {
        let graph = self.graph(gpu, key, taps)?;
        let weight = self.upload(gpu, &graph)?;
        Plan::new(gpu, graph, &self.weights, &weight)
    }

    /// Bytes of weights on the device.
    pub fn weight_bytes(&self) -> u64 {
        self.weights.bytes()
    }

    /// Packs and uploads what is not there yet; the result maps the graph's parameters to buffers.
    fn upload(&mut self, gpu: &Gpu, graph: &Graph) -> Result<Vec<usize>> {
        let panels = panels(gpu);
        let mut out = Vec::with_capacity(graph.params.len());
        for pack in &graph.params {
            let key = (pack.clone(), graph.precision);
            let index = match self.packed.get(&key) {
                Some(index) => *index,
                None => {
                    let index = self.pack(gpu, pack, panels, graph.precision)?;
                    self.packed.insert(key, index);
                    index
                }
            };
            out.push(index);
        }
        Ok(out)
    }

    /// Packs one weight and uploads it; matrices travel in pieces.
    fn pack(&mut self, gpu: &Gpu, pack: &Pack, panels: Panels, precision: DType) -> Result<usize> {
        if !matches!(pack, Pack::Matrix(_) | Pack::Part { .. }) {
            return self.weights.push(gpu, pack.name(), &pack.pack(&self.dict, panels, precision)?);
        }
        let index = self.weights.reserve(gpu, pack.name(), pack.bytes(panels, precision))?;
        let mut at = 0;
        pack.pieces(&self.dict, panels, precision, &mut |piece| {
            self.weights.write(gpu, index, at, piece)?;
            at += piece.len() as u64;
            Ok(())
        })?;
        Ok(index)
    }
}

fn panels(gpu: &Gpu) -> Panels {
    Panels { plain: gpu.target().panel_quads(false), gated: gpu.target().panel_quads(true) }
}
