//! Suite v1, networks: true architectures with synthetic weights, and the weights that ship with the program.

use std::path::Path;

use serde_json::{Value, json};

use super::synthetic;
use crate::base::{DType, Error, Kind, Result, Shape};
use crate::checkpoint::{GeneratedWeights, StateDict};
use crate::models::{Part, registry};
use crate::run::conditions::genlv;
use crate::run::model::Model;
use crate::run::plan::PlanKey;
use crate::run::shipped;

/// A network of the suite.
pub struct Workload {
    pub name: &'static str,
    pub family: &'static str,
    config: fn() -> Value,
}

/// All networks of suite v1.
pub const NETWORKS: &[Workload] = &[
    Workload { name: "nafnet-w32", family: "nafnet", config: nafnet },
    Workload { name: "restormer-d48", family: "restormer", config: || json!({"LayerNorm_type": "BiasFree"}) },
    Workload { name: "xrestormer-d48", family: "xrestormer", config: || json!({"num_blocks": [2, 4, 4, 4]}) },
    Workload { name: "genlv-base", family: "genlv", config: || json!({"class": "XRestormer_Prompt_SpatCrossAttn"}) },
];

/// NAFNet as it was trained for SIDD, width 32.
fn nafnet() -> Value {
    json!({"width": 32, "enc_blk_nums": [2, 2, 4, 8], "middle_blk_num": 12, "dec_blk_nums": [2, 2, 2, 2]})
}

/// Edges of the square pictures of suite v1.
pub const SIZES: [u32; 4] = [128, 256, 512, 1024];
/// A software adapter would be busy for hours with more.
pub const SOFTWARE_SIZES: [u32; 2] = [128, 256];

impl Workload {
    /// The network with its synthetic weights.
    pub fn model(&self) -> Result<Model> {
        let name = format!("suite {} {}", super::SUITE, self.name);
        let nothing = StateDict::generated(GeneratedWeights { seed: synthetic::SEED, tensors: Vec::new() }, &name);
        let network = registry::by_name(self.family, &(self.config)(), &nothing)?;
        let config = network.config();
        let dict = synthetic::weights(network.as_ref(), &|key, c| free(&config, key, c), &name)?;
        Model::with_network(dict, network)
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
        ("to_q" | "to_k" | "to_v", _) => vec![c, c],
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
/// prompted network gets the tokens its checkpoint stores, else those of a pair as large as the picture, up to 256.
pub fn job(model: &Model, width: u32, height: u32, precision: DType) -> Result<Job> {
    let sizes = model.network().sizes();
    let fits = |v: u32| v >= sizes.least && v.is_multiple_of(sizes.multiple);
    if !fits(width) || !fits(height) {
        return Err(Error::new(Kind::Usage, format!("{} cannot take {width}x{height}", model.dict().name()))
            .why(format!("the network alone takes multiples of {}, at least {}", sizes.multiple, sizes.least)));
    }
    let (mut extra, mut inputs) = (Vec::new(), Vec::new());
    let prompt_width = model.network().prompt_width();
    if prompt_width > 0 {
        let stored = genlv::stored_tasks(model.dict()).into_iter().next();
        (extra, inputs) = match stored {
            Some(task) => {
                let prompt = genlv::stored(model.dict(), &task)?;
                let condition = genlv::condition(model, &prompt, String::new())?;
                (condition.extra, condition.inputs)
            }
            None => {
                let tokens = (width.min(256) / 8) * (height.min(256) / 8);
                let shape = Shape::new(1, 1, tokens, prompt_width);
                // Tokens leave a LayerNorm, so they lie around 0 with deviation 1.
                let made = |name: &str| {
                    let values = synthetic::values(name, (tokens * prompt_width) as usize);
                    let spread: Vec<f32> = values.iter().map(|v| (v - 0.5) * 3.46).collect();
                    (name.to_owned(), shape.pad_channels(&spread))
                };
                (vec![1, tokens], vec![made("k"), made("v")])
            }
        };
    }
    let channels = 3;
    let picture = Shape::new(1, height, width, channels);
    let mut pixels = synthetic::values("input", (width * height * channels) as usize);
    pixels.iter_mut().for_each(|v| *v *= model.network().range());
    inputs.insert(0, ("input".to_owned(), picture.pad_channels(&pixels)));
    Ok(Job { key: PlanKey { part: Part::main(1, height, width, extra), precision }, inputs })
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
    fn sizes_a_network_cannot_take_are_refused() {
        let model = open("restormer-d48", None).expect("a network of the suite");
        let error = job(&model, 130, 128, DType::F32).err().expect("130 is no multiple of 8");
        assert!(error.to_string().contains("multiples of 8"), "{error}");
    }
}
