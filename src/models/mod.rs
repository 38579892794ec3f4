//! Floor 5: the families. Each has `detect` (does this checkpoint belong here), `config` (what the official constructor
//! takes) and `net` (the graph).

pub mod clip_text;
pub mod convnext;
pub mod datprl;
pub mod diffusion_generalist;
pub mod genlv;
pub mod instruct_ipt;
pub mod ipt;
pub mod keys;
pub mod ldm_unet;
pub mod nafnet;
pub mod pip;
mod protocol;
pub mod registry;
pub mod restormer;
pub mod settings;
pub mod trunk;
pub mod xrestormer;

pub use protocol::{Filter, Fit, Protocol};
use serde_json::Value;

use crate::base::{Error, Kind, Result};
use crate::checkpoint::StateDict;
use crate::graph::Graph;
use crate::nn::Build;

/// Which graph of a family is wanted, and for what size. The graph names its inputs and outputs; the picture network
/// of every family is `main` and has the input `input` and the output `output`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Part {
    pub name: &'static str,
    pub n: u32,
    pub h: u32,
    pub w: u32,
    /// Numbers whose meaning the family defines (GenLV: batch and token count of the prompt).
    pub extra: Vec<u32>,
}

/// Metadata keys that name the architecture and its configuration.
pub const ARCHITECTURE: &str = "vernis.architecture";
pub const CONFIG: &str = "vernis.config";

/// The picture network.
pub const MAIN: &str = "main";

impl Part {
    pub fn main(n: u32, h: u32, w: u32, extra: Vec<u32>) -> Self {
        Part { name: MAIN, n, h, w, extra }
    }
}

/// What picture sizes a network takes and how it reacts to tiles.
#[derive(Debug, Clone, PartialEq)]
pub struct Sizes {
    /// Height and width must be multiples of this; the session pads by reflection.
    pub multiple: u32,
    /// The smallest height and width the network alone accepts.
    pub least: u32,
    /// Output pixels for one input pixel and axis; of the first head where heads differ (see [`Network::scale`]).
    pub scale: u32,
    pub tiles: TilePolicy,
}

/// What happens to the result when a picture is cut into tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TilePolicy {
    /// Every output pixel depends on a bounded neighbourhood.
    Local,
    /// Statistics over the whole input (pooling, attention over all pixels) become statistics of the tile.
    GlobalStats,
    /// The network takes nothing but `least` x `least`; larger pictures go through its own overlapping tiles.
    Fixed,
}

impl TilePolicy {
    pub const fn name(self) -> &'static str {
        match self {
            TilePolicy::Local => "local",
            TilePolicy::GlobalStats => "global-stats",
            TilePolicy::Fixed => "fixed",
        }
    }
}

/// A network of one family with its configuration. `Any` gives the families that are more than a network back as what
/// they are.
pub trait Network: std::any::Any + std::fmt::Debug + Send + Sync {
    fn family(&self) -> &'static str;

    /// The constructor arguments of the official class.
    fn config(&self) -> Value;

    fn sizes(&self) -> Sizes;

    /// Output pixels for one input pixel and axis in the graph that `extra` of the main part selects.
    fn scale(&self, _extra: &[u32]) -> u32 {
        self.sizes().scale
    }

    /// Names of the heads that `extra` of the main part selects between, in order; empty where there is one.
    fn heads(&self) -> Vec<String> {
        Vec::new()
    }

    /// What the published program does around the network. `task` is the one task it was told, if any.
    fn protocol(&self, _task: Option<&str>) -> Protocol {
        Protocol::padded(self.sizes().multiple)
    }

    /// Channels of a prompt token; 0 where the network takes no example pair.
    fn prompt_width(&self) -> u32 {
        0
    }

    /// The value of white: pictures are scaled from 0..=1 to 0..=range for the network and back.
    fn range(&self) -> f32 {
        1.0
    }

    /// One of every graph the family has, as small as it can be: together they read every weight of a checkpoint.
    fn parts(&self) -> Vec<Part> {
        let sizes = self.sizes();
        let least = sizes.least.max(sizes.multiple);
        vec![Part::main(1, least, least, Vec::new())]
    }

    /// The weights under the names that `build` asks for: families whose checkpoints come in several key layouts
    /// rename them to one.
    fn canonical(&self, dict: &StateDict) -> Result<StateDict> {
        Ok(dict.clone())
    }

    fn build(&self, b: &mut Build<'_>, part: &Part) -> Result<()>;

    /// Changes the graph of a part after fusion.
    fn adapt(&self, _graph: &mut Graph, _part: &Part) -> Result<()> {
        Ok(())
    }
}

/// The answer to a [`Part`] the family does not have.
pub(crate) fn no_such_part(family: &str, part: &Part) -> Error {
    Error::new(Kind::Usage, format!("{family} has no graph named {}", part.name))
}
