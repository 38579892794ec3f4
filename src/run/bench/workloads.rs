//! Suite v1, networks: true architectures with synthetic weights, and the weights that ship with the program.

use std::path::Path;

use serde_json::{Value, json};

use super::synthetic;
use crate::base::{DType, Error, Kind, Result};
use crate::kernel::{Target, TensorId};
use crate::models::ldm_unet::{self, Attention};
use crate::models::{Network, Part, TilePolicy, instruct_ipt, pip, registry};
use crate::run::conditions::{self, Conditioning, genlv, tasks};
use crate::run::model::Model;
use crate::run::plan::PlanKey;
use crate::run::shipped;

/// A network of the suite.
pub struct Workload {
    pub name: &'static str,
    make: fn() -> Result<Box<dyn Network>>,
    /// Low-rank weights of two tasks beside every convolution, of which the first is computed.
    adapted: bool,
    sizes: Edges,
}

/// Edges of the square pictures that a network is timed at.
enum Edges {
    /// [`SIZES`], or [`SOFTWARE_SIZES`].
    All,
    /// The only one it takes.
    One(u32),
    /// On a GPU, and on a software adapter.
    Own(u32, u32),
}

const fn workload(name: &'static str, make: fn() -> Result<Box<dyn Network>>) -> Workload {
    Workload { name, make, adapted: false, sizes: Edges::All }
}

/// All networks of suite v1: one of every family, in its published size but for the UNet.
pub const NETWORKS: &[Workload] = &[
    workload("nafnet-w32", || of("nafnet", nafnet())),
    workload("restormer-d48", restormer),
    workload("xrestormer-d48", || of("xrestormer", json!({"num_blocks": [2, 4, 4, 4]}))),
    workload("genlv-base", || of("genlv", json!({"class": "XRestormer_Prompt_SpatCrossAttn"}))),
    Workload { adapted: true, ..workload("instruct-ipt-d48", restormer) },
    workload("pip-d48", || of("pip", json!({"low_prompt_dims": [64, 128, 256]}))),
    workload("datprl-naf-w32", datprl),
    Workload { sizes: Edges::One(48), ..workload("ipt", || of("ipt", json!({"scale": [1]}))) },
    Workload { sizes: Edges::Own(64, 16), ..workload("unet-half", unet) },
];

fn of(family: &str, config: Value) -> Result<Box<dyn Network>> {
    registry::by_name(family, &config, &synthetic::nothing(family))
}

/// NAFNet as it was trained for SIDD, width 32.
fn nafnet() -> Value {
    json!({"width": 32, "enc_blk_nums": [2, 2, 4, 8], "middle_blk_num": 12, "dec_blk_nums": [2, 2, 2, 2]})
}

fn restormer() -> Result<Box<dyn Network>> {
    of("restormer", json!({"LayerNorm_type": "BiasFree"}))
}

/// The NAFNet edition on the same backbone.
fn datprl() -> Result<Box<dyn Network>> {
    let mut config = nafnet();
    config["class"] = json!("DualPromptNAFNetv3");
    of("datprl", config)
}

/// The UNet of Stable Diffusion 1 with half its channels: the whole would not fit the memory of a small GPU in f32. One
/// step of the pixel-space generalist, with 77 text tokens.
fn unet() -> Result<Box<dyn Network>> {
    let config = json!({"in_channels": 15, "out_channels": 12, "block_out_channels": [160, 320, 640, 640]});
    let plain = ldm_unet::Config::parse(&config, &synthetic::nothing("unet"))?;
    // Without a checkpoint, only the network itself can say where attention is.
    let attention = [[Attention::SelfCross; 3].as_slice(), &[Attention::None]].concat();
    Ok(Box::new(ldm_unet::Config { attention, ..plain }))
}

/// Edges of the square pictures of suite v1.
const SIZES: [u32; 4] = [128, 256, 512, 1024];
/// A software adapter would be busy for hours with more.
const SOFTWARE_SIZES: [u32; 2] = [128, 256];
const TOKENS: u32 = 77;
const RANK: u32 = 8;

/// The edges at which everything that takes any size is timed.
pub const fn edges(software: bool) -> &'static [u32] {
    if software { &SOFTWARE_SIZES } else { &SIZES }
}

impl Workload {
    pub fn edges(&self, software: bool) -> Vec<u32> {
        match self.sizes {
            Edges::All => edges(software).to_vec(),
            Edges::One(edge) => vec![edge],
            Edges::Own(gpu, cpu) => vec![if software { cpu } else { gpu }],
        }
    }

    /// The network with its synthetic weights.
    pub fn model(&self) -> Result<Model> {
        let name = format!("suite {} {}", super::SUITE, self.name);
        let network = (self.make)()?;
        let config = network.config();
        let mut tensors = synthetic::tensors(network.as_ref(), &|key, c| free(&config, key, c))?;
        if !self.adapted {
            return Model::with_network(synthetic::dict(tensors, &name), network);
        }
        tensors.extend(synthetic::low_rank(&tensors, &["denoise", "derain"], RANK));
        let dict = synthetic::dict(tensors, &name);
        let mut config = config;
        config["carrier"] = json!(network.family());
        let adapted = registry::by_name(instruct_ipt::NAME, &config, &dict)?;
        Model::with_network(dict, adapted)
    }

    /// What this network is timed with at one size.
    pub fn job(&self, model: &Model, width: u32, height: u32, precision: DType) -> Result<Job> {
        match tasks::of(model) {
            Some(network) if self.adapted => {
                let network = network?;
                let mut weights = vec![0.0; network.adapters().tasks.len()];
                weights[0] = 1.0;
                fill(model, width, height, precision, tasks::fused(&network, &[weights], Some(vec![0]), &[]))
            }
            _ => job(model, width, height, precision),
        }
    }
}

/// The shapes that networks read from their checkpoints, from the configuration and the width `c` at that place.
fn free(config: &Value, key: &str, c: u32) -> Option<Vec<u32>> {
    let (path, last) = key.rsplit_once('.')?;
    let module = path.rsplit('.').next()?;
    let number = |name: &str| config.get(name).and_then(Value::as_f64);
    Some(match (module, last) {
        ("project_in", _) => vec![2 * (f64::from(c) * number("ffn_expansion_factor")?) as u32, c],
        ("conv1" | "conv4", _) => vec![2 * c, c],
        (_, "beta" | "gamma") => vec![1, c, 1, 1],
        // The context is projected apart from the block, so that no norm in front says the width.
        ("to_q" | "to_k" | "to_v", _) => vec![unet_width(config, path).unwrap_or(c), c],
        ("rel_pos_emb", _) => {
            let window = number("window_size")? as u32;
            vec![2 * (window + window / 2) - 1, HEAD]
        }
        // The first heads list that there is: X-Restormer has one of its own for windows, GenLV shares its only one.
        ("qkv", _) => {
            let heads = config.get("spatial_heads").or(config.get("heads"))?;
            vec![3 * HEAD * heads.get(level(path))?.as_u64()? as u32, c]
        }
        _ => return None,
    })
}

/// Channels at the level of a UNet that a path lies in.
fn unet_width(config: &Value, path: &str) -> Option<u32> {
    let widths = config.get("block_out_channels")?.as_array()?;
    let mut parts = path.split('.');
    let (side, level) = (parts.next()?, parts.next()?.parse().unwrap_or(0));
    let at = match side {
        "down_blocks" => level,
        "up_blocks" => widths.len().checked_sub(1 + level)?,
        _ => widths.len().checked_sub(1)?,
    };
    u32::try_from(widths.get(at)?.as_u64()?).ok()
}

/// Channels of a head of window attention in every published configuration.
const HEAD: u32 = 16;

/// Depth of a block of the four-level networks.
fn level(path: &str) -> usize {
    match path.split('.').next() {
        Some(p) if p.ends_with("level1") || p == "refinement" => 0,
        Some(p) if p.ends_with("level2") => 1,
        Some(p) if p.ends_with("level3") => 2,
        _ => 3,
    }
}

/// Opens `name`: a network of the suite, shipped weights, an installed model or a file.
pub fn open(name: &str, models: Option<&Path>) -> Result<Model> {
    if let Some(w) = NETWORKS.iter().find(|w| w.name == name) {
        return w.model();
    }
    let dict = shipped::open(name, models).map_err(|e| match e.kind() {
        Kind::ModelMissing => {
            let known: Vec<&str> = NETWORKS.iter().map(|w| w.name).collect();
            e.advice(format!("name a .safetensors file, or a network of the suite: {}", known.join(", ")))
        }
        _ => e,
    })?;
    Model::new(dict)
}

/// A picture network at one size with everything it is given.
pub struct Job {
    pub key: PlanKey,
    /// Named inputs in their padded layout.
    pub inputs: Vec<(String, Vec<f32>)>,
}

/// The plan of `model` for one picture of `width` x `height`, with inputs that depend on nothing but the sizes. A
/// prompted network gets the tokens its checkpoint stores, else those of a pair as large as the picture, up to 256; PIP
/// gets equal weights of its classes; adapters rest.
pub fn job(model: &Model, width: u32, height: u32, precision: DType) -> Result<Job> {
    let network = model.network();
    let told = match network.family() {
        pip::NAME => {
            let classes = conditions::pip::classes(model);
            conditions::pip::condition(model, &vec![1.0 / classes as f32; classes], 1)?
        }
        ldm_unet::NAME => Conditioning { extra: vec![TOKENS], ..Conditioning::default() },
        _ if network.prompt_width() > 0 => match genlv::stored_tasks(model.dict()).into_iter().next() {
            Some(task) => genlv::condition(model, &genlv::stored(model.dict(), &task)?, String::new())?,
            None => {
                let tokens = (width.min(256) / 8) * (height.min(256) / 8);
                Conditioning { extra: vec![1, tokens], ..Conditioning::default() }
            }
        },
        _ => Conditioning::default(),
    };
    fill(model, width, height, precision, told)
}

/// The job with a picture for `input` and made values for all that `told` leaves open.
fn fill(model: &Model, width: u32, height: u32, precision: DType, told: Conditioning) -> Result<Job> {
    let sizes = model.network().sizes();
    let fits = |v: u32| match sizes.tiles {
        TilePolicy::Fixed => v == sizes.least,
        _ => v >= sizes.least && v.is_multiple_of(sizes.multiple),
    };
    if !fits(width) || !fits(height) {
        let takes = match sizes.tiles {
            TilePolicy::Fixed => format!("{0}x{0}", sizes.least),
            _ => format!("multiples of {}, at least {}", sizes.multiple, sizes.least),
        };
        return Err(Error::new(Kind::Usage, format!("{} cannot take {width}x{height}", model.dict().name()))
            .why(format!("the network alone takes {takes}")));
    }
    let key = PlanKey { part: Part::main(1, height, width, told.extra), precision };
    let graph = model.graph_for(&Target::core(), &key, &[])?;
    let value = |(name, id): &(String, TensorId)| {
        let shape = graph.shape(*id);
        let given = told.inputs.iter().find(|(n, _)| n == name).map(|(_, values)| values.clone());
        let values = given.unwrap_or_else(|| {
            let mut made = synthetic::values(name, (shape.rows() * shape.c.logical()) as usize);
            match name.as_str() {
                "input" => made.iter_mut().for_each(|v| *v *= model.network().range()),
                // All others leave a norm, so they lie around 0 with deviation 1.
                _ => made.iter_mut().for_each(|v| *v = (*v - 0.5) * 3.46),
            }
            shape.pad_channels(&made)
        });
        (name.clone(), values)
    };
    let inputs = graph.inputs.iter().map(value).collect();
    Ok(Job { key, inputs })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_network_finds_its_weights_and_reads_them_all() {
        // `Model::with_network` proves it; the counts are those of the published networks.
        let parameters = |name: &str| open(name, None).expect("a network of the suite").dict().parameters();
        assert_eq!(parameters("restormer-d48"), 26_111_668);
        assert!((28e6..30e6).contains(&(parameters("nafnet-w32") as f64)), "{}", parameters("nafnet-w32"));
        for w in NETWORKS {
            assert!(parameters(w.name) > 10_000_000, "{}", w.name);
        }
    }

    #[test]
    fn every_network_is_given_all_its_inputs() {
        for (name, inputs) in [("pip-d48", 2), ("instruct-ipt-d48", 3), ("genlv-base", 3), ("ipt", 1)] {
            let workload = NETWORKS.iter().find(|w| w.name == name).expect("a network of the suite");
            let edge = workload.edges(true)[0];
            let model = workload.model().expect("synthetic weights");
            let job = workload.job(&model, edge, edge, DType::F32).expect("a size it takes");
            let names: Vec<&str> = job.inputs.iter().map(|(n, _)| n.as_str()).collect();
            assert!(job.inputs.len() >= inputs, "{name}: {names:?}");
            assert!(job.inputs.iter().all(|(_, values)| values.iter().any(|v| *v != 0.0)), "{name}: {names:?}");
        }
    }

    #[test]
    fn sizes_a_network_cannot_take_are_refused() {
        let model = open("restormer-d48", None).expect("a network of the suite");
        let error = job(&model, 130, 128, DType::F32).err().expect("130 is no multiple of 8");
        assert!(error.to_string().contains("multiples of 8"), "{error}");
    }
}
