//! A loaded checkpoint: its network, its weights on the device, its plans.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

use super::merge::Merger;
use super::metadata::{Colour, Metadata};
use super::plan::{Plan, PlanKey};
use super::ways::Adapting;
use crate::base::{DType, Error, Kind, Result};
use crate::checkpoint::prepack::{Pack, Panels};
use crate::checkpoint::{StateDict, adapters, merged};
use crate::gpu::{Gpu, WeightBuffers};
use crate::graph::Graph;
use crate::graph::fuse::fuse;
use crate::graph::lower::{Plan as Cost, lower};
use crate::graph::split::split;
use crate::kernel::{Contraction, Target};
use crate::models::diffusion_generalist::{IMAGE_ENCODER, TEXT_ENCODER, UNET};
use crate::models::{ARCHITECTURE, CONFIG, Network, Part, instruct_ipt, registry};
use crate::nn::Build;

/// Tensors of our own files that are no weights of the network: stored prompt tokens.
pub const PROMPT_PREFIX: &str = "vernis.prompt.";

/// Operations after which a model is worth kernels that compile slowly: with the slowest compiler seen, LLVM 15, the
/// embedded denoiser's take half a minute of one core, and take a third off the time of what is still to come.
const SETTLED: u64 = 500_000_000_000;

/// Pixels of a plan. Shapes count rows in 32 bits, and networks enlarge up to 16 times inside; two gigabytes a tensor of one
/// quad, which this is in f32, are past every device's largest binding.
const MOST_PIXELS: u128 = 1 << 27;

/// A checkpoint and everything derived from it.
pub struct Model {
    pub(super) dict: StateDict,
    network: Box<dyn Network>,
    metadata: Metadata,
    pub(super) weights: WeightBuffers,
    /// Index in `weights` by what was packed.
    packed: HashMap<(Pack, DType), usize>,
    plans: HashMap<PlanKey, Plan>,
    /// The device that all of these are on.
    home: Option<u64>,
    /// Operations of the plans that were asked for.
    work: u64,
    pub(super) merger: Option<Merger>,
    /// How the weights of the last instruction are applied.
    pub(super) adapting: Adapting,
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
        let model = Model {
            metadata: Metadata::of(&dict)?,
            dict,
            network,
            weights: WeightBuffers::default(),
            packed: HashMap::new(),
            plans: HashMap::new(),
            home: None,
            work: 0,
            merger: None,
            adapting: Adapting::default(),
        };
        model.prove()?;
        Ok(model)
    }

    /// The model with the adapter file `adapter` as the task `task`; see [`instruct_ipt::attach`]. Families that carry no
    /// tasks beside their weights take it into them for good.
    pub fn attach(&self, task: &str, adapter: &StateDict, config: Option<&Value>) -> Result<Model> {
        // What was detected or given decides, whatever the file says of itself.
        let mut metadata = self.dict.metadata().clone();
        metadata.insert(ARCHITECTURE.into(), self.network.family().into());
        metadata.insert(CONFIG.into(), self.network.config().to_string());
        let dict = self.dict.with_metadata(metadata);
        if instruct_ipt::carries(self.network.family()) {
            return Model::new(instruct_ipt::attach(&dict, task, adapter, config)?);
        }
        let named = adapters::named(task, adapter, config)?;
        // PEFT names modules as seen from the network it was made for, which may be a part of this one.
        let rooted = |root: &&str| {
            let rooted =
                named.with_renamed(|key| Some(format!("{root}{key}"))).and_then(|d| self.network.canonical(&d));
            rooted.ok().filter(|d| adapters::modules(d).any(|m| dict.contains(&format!("{m}.weight"))))
        };
        let own = ["", UNET, TEXT_ENCODER, IMAGE_ENCODER].iter().find_map(rooted);
        Model::new(merged::merge(&dict, task, own.as_ref().unwrap_or(&named))?)
    }

    /// Builds every part of the network at its smallest size, to find missing, misshapen and unread weights now.
    fn prove(&self) -> Result<()> {
        let mut used = BTreeSet::new();
        for part in self.network.parts() {
            let graph = Graph::new(Target::core(), DType::F32);
            let mut b = Build::new(graph, &self.dict, &[]);
            self.network.build(&mut b, &part)?;
            used.extend(b.into_parts().1);
        }
        used.extend(self.dict.keys().filter(|k| k.starts_with(PROMPT_PREFIX)).map(str::to_owned));
        crate::nn::refuse_unread(&self.dict, &used)
    }

    /// Settings that nothing in the file tells; see [`registry::assumed`].
    pub fn assumed(&self) -> Vec<(String, String)> {
        registry::assumed(&self.dict, self.network(), &Map::new())
    }

    pub fn dict(&self) -> &StateDict {
        &self.dict
    }

    /// The colour order the network was trained on.
    pub fn colour(&self) -> Colour {
        // The authors' GenLV checkpoints carry no metadata; their code reads and writes BGR.
        let usual = if self.network.family() == crate::models::genlv::NAME { Colour::Bgr } else { Colour::Rgb };
        self.metadata.colour.unwrap_or(usual)
    }

    /// The storage that restorations may use unless told otherwise: f16 where the file says that it was verified.
    pub fn verified_precision(&self) -> DType {
        self.metadata.precision.unwrap_or(DType::F32)
    }

    /// Tile edge and overlap that the weights were found to work well with, in pixels.
    pub fn tile_advice(&self) -> Option<(u32, u32)> {
        self.metadata.tile
    }

    /// Tasks the checkpoint says it was trained for.
    pub fn tasks(&self) -> Vec<String> {
        self.metadata.tasks.clone()
    }

    /// Names of the heads of the network, in order: what the metadata lists if that fits, else what the shapes show.
    /// Empty where there is one head.
    pub fn heads(&self) -> Vec<String> {
        let (shown, listed) = (self.network.heads(), self.tasks());
        if shown.len() == listed.len() { listed } else { shown }
    }

    pub fn network(&self) -> &dyn Network {
        self.network.as_ref()
    }

    /// The fused graph of a part.
    pub fn graph(&self, gpu: &Gpu, key: &PlanKey, taps: &[String]) -> Result<Graph> {
        self.graph_for(&self.target(gpu), key, taps)
    }

    /// [`Model::graph`] for a device that need not be there.
    pub fn graph_for(&self, target: &Target, key: &PlanKey, taps: &[String]) -> Result<Graph> {
        let Part { n, h, w, .. } = key.part;
        if u128::from(n) * u128::from(h) * u128::from(w) > MOST_PIXELS {
            return Err(Error::new(Kind::Memory, format!("a plan for {n} x {w} x {h} pixels"))
                .why(format!("no device can address more than {} megapixels at once", MOST_PIXELS / 1_000_000))
                .advice("use --tile auto, or a smaller tile"));
        }
        let graph = Graph::new(target.clone(), key.precision);
        let mut b = Build::new(graph, &self.dict, taps);
        self.network.build(&mut b, &key.part)?;
        let (mut graph, _) = b.into_parts();
        fuse(&mut graph);
        self.network.adapt(&mut graph, &key.part)?;
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

    /// What plans are made for: the device, and how much work there was so far.
    fn target(&self, gpu: &Gpu) -> Target {
        let slow = matches!(gpu.target().contraction, Contraction::Wide { .. });
        Target { settled: slow && self.work >= SETTLED, ..gpu.target().clone() }
    }

    /// Takes what compiles slowly and runs fast from the first replay on.
    pub fn settle(&mut self) {
        self.work = SETTLED;
    }

    /// Forgets what is on another device, which the next plan makes anew on this one.
    pub(super) fn move_to(&mut self, gpu: &Gpu) {
        if self.home.replace(gpu.id()).is_some_and(|home| home != gpu.id()) {
            self.weights = WeightBuffers::default();
            self.packed.clear();
            self.plans.clear();
            self.merger = None;
            self.adapting = Adapting::default();
        }
    }

    /// The plan for `key`, for one replay; made when it is first asked for, and again once the model has settled. Plans of
    /// other sizes of the same part are dropped first, so that memory does not grow with the number of sizes seen.
    pub fn plan(&mut self, gpu: &Gpu, key: &PlanKey) -> Result<&mut Plan> {
        self.move_to(gpu);
        let settled = self.target(gpu).settled;
        if self.plans.get(key).is_none_or(|plan| plan.graph().target.settled != settled) {
            self.plans.retain(|k, _| k.part.name != key.part.name);
            let plan = self.make_plan(gpu, key, &[])?;
            self.plans.insert(key.clone(), plan);
        }
        let plan = self.plans.get_mut(key).expect("inserted above");
        self.work = self.work.saturating_add(plan.cost().flops);
        Ok(plan)
    }

    /// A plan with taps as additional outputs, not kept.
    pub fn make_plan(&mut self, gpu: &Gpu, key: &PlanKey, taps: &[String]) -> Result<Plan> {
        self.move_to(gpu);
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
        graph.params.iter().map(|pack| self.upload_one(gpu, pack, graph.precision)).collect()
    }

    /// The buffer of one packed weight, uploaded when it is first asked for.
    pub(super) fn upload_one(&mut self, gpu: &Gpu, pack: &Pack, precision: DType) -> Result<usize> {
        let key = (pack.clone(), precision);
        if let Some(index) = self.packed.get(&key) {
            return Ok(*index);
        }
        let index = self.pack(gpu, pack, panels(gpu), precision)?;
        self.packed.insert(key, index);
        Ok(index)
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

pub(super) fn panels(gpu: &Gpu) -> Panels {
    Panels { plain: gpu.target().panel_quads(false), gated: gpu.target().panel_quads(true) }
}
