//! Small networks of every family, and how to build and run them as graphs.

use serde_json::{Value, json};
use vernis::base::{DType, Shape};
use vernis::checkpoint::StateDict;
use vernis::graph::Graph;
use vernis::graph::fuse::fuse;
use vernis::kernel::Target;
use vernis::models::{Network, Part, registry};
use vernis::nn::Build;

use super::fake::checkpoint;
use super::generator::uniform;
use super::layout;

/// A network with a checkpoint that fits it.
pub struct Net {
    pub family: &'static str,
    pub dict: StateDict,
    pub network: Box<dyn Network>,
    /// A size it accepts, with more than one level of everything.
    pub part: Part,
}

impl Net {
    pub fn new(family: &'static str, config: &Value, part: Part) -> Net {
        let dict = checkpoint(family, config);
        let network = registry::by_name(family, config, &dict).expect("the configuration is good");
        Net { family, dict, network, part }
    }

    /// The graph as the family builds it.
    pub fn plain(&self, target: &Target, precision: DType, part: &Part, taps: &[String]) -> Graph {
        let mut b = Build::new(Graph::new(target.clone(), precision), &self.dict, taps);
        self.network.build(&mut b, part).unwrap_or_else(|e| panic!("{}: {e}", self.family));
        b.into_parts().0
    }

    pub fn fused(&self, target: &Target, precision: DType, part: &Part, taps: &[String]) -> Graph {
        let mut graph = self.plain(target, precision, part, taps);
        fuse(&mut graph);
        graph
    }
}

pub fn restormer() -> Value {
    json!({"inp_channels": 3, "out_channels": 3, "dim": 12, "num_blocks": [1, 2, 1, 1], "num_refinement_blocks": 1,
        "heads": [1, 2, 2, 3], "ffn_expansion_factor": 2.66, "bias": false, "LayerNorm_type": "WithBias",
        "dual_pixel_task": false})
}

pub fn nafnet() -> Value {
    json!({"img_channel": 3, "width": 10, "middle_blk_num": 1, "enc_blk_nums": [1, 2], "dec_blk_nums": [1, 1]})
}

pub fn xrestormer() -> Value {
    json!({"inp_channels": 3, "out_channels": 3, "dim": 8, "num_blocks": [1, 1, 1, 2], "num_refinement_blocks": 1,
        "channel_heads": [1, 2, 2, 4], "spatial_heads": [2, 1, 3, 1], "overlap_ratio": [0.5, 0.5, 0.5, 0.5],
        "window_size": 4, "spatial_dim_head": 6, "bias": true, "ffn_expansion_factor": 2.0,
        "LayerNorm_type": "BiasFree", "dual_pixel_task": false, "scale": 1})
}

pub fn genlv() -> Value {
    json!({"inp_channels": 3, "out_channels": 3, "dim": 8, "window_size": 4, "num_blocks": [1, 1, 1, 2],
        "num_refinement_blocks": 1, "heads": [1, 2, 2, 4], "ffn_expansion_factor": 2.66, "bias": false,
        "LayerNorm_type": "WithBias", "class": "XRestormer_Prompt_SpatCrossAttn", "prompt_encoder_nf": 8})
}

/// One small network a family.
pub fn all() -> Vec<Net> {
    vec![
        Net::new("restormer", &restormer(), Part::main(1, 24, 16, Vec::new())),
        Net::new("nafnet", &nafnet(), Part::main(2, 12, 20, Vec::new())),
        Net::new("xrestormer", &xrestormer(), Part::main(1, 32, 64, Vec::new())),
        Net::new("genlv", &genlv(), Part::main(1, 32, 16, vec![1, 5])),
    ]
}

/// Values for every input of a graph, in memory order; another `seed` gives another picture.
pub fn inputs(graph: &Graph, seed: u64) -> Vec<Vec<f32>> {
    let one = |(name, t): &(String, vernis::kernel::TensorId)| {
        let Shape { n, h, w, c } = graph.shape(*t);
        let count = (n * h * w * c.logical()) as usize;
        layout::to_memory(*n, c.segments(), *h, *w, &uniform(name, seed, 0.0, 1.0, count))
    };
    graph.inputs.iter().map(one).collect()
}

/// The values of output `i` in NCHW order, with their shape.
pub fn nchw(graph: &Graph, i: usize, memory: &[f32]) -> ([u32; 4], Vec<f32>) {
    let Shape { n, h, w, c } = graph.shape(graph.outputs[i].1);
    ([*n, c.logical(), *h, *w], layout::from_memory(*n, c.segments(), *h, *w, memory).0)
}
