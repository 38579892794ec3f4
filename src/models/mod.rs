//! Floor 5: the families. Each has `detect` (does this checkpoint belong here), `config` (what the official constructor
//! takes) and `net` (the graph).

pub mod genlv;
pub mod nafnet;
pub mod registry;
pub mod restormer;
pub mod settings;
pub mod xrestormer;

use serde_json::Value;

use crate::base::{Error, Kind, Result};
use crate::nn::Build;

/// Which graph of a family is wanted, and for what size. Inputs are named `input`, `k`, `v`; results `output`, `tokens`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Part {
    /// The picture network for `n` images of `h` x `w`; `prompt` is the batch and token count of K and V.
    Main { n: u32, h: u32, w: u32, prompt: Option<(u32, u32)> },
    /// GenLV's prompt encoder, for one of the two pictures of an example pair.
    Prompt { n: u32, h: u32, w: u32 },
}

/// What picture sizes a network takes and how it reacts to tiles.
#[derive(Debug, Clone, PartialEq)]
pub struct Sizes {
    /// Height and width must be multiples of this; the session pads by reflection.
    pub multiple: u32,
    /// The smallest height and width the network alone accepts.
    pub least: u32,
    /// Output pixels for one input pixel and axis.
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
}

impl TilePolicy {
    pub const fn name(self) -> &'static str {
        match self {
            TilePolicy::Local => "local",
            TilePolicy::GlobalStats => "global-stats",
        }
    }
}

/// A network of one family with its configuration.
pub trait Network: std::fmt::Debug + Send + Sync {
    fn family(&self) -> &'static str;

    /// The constructor arguments of the official class.
    fn config(&self) -> Value;

    fn sizes(&self) -> Sizes;

    /// Whether the network is told its task by an example pair.
    fn takes_prompt_pair(&self) -> bool {
        false
    }

    /// Channels of a prompt token, where prompts are taken.
    fn prompt_width(&self) -> u32 {
        0
    }

    fn build(&self, b: &mut Build<'_>, part: &Part) -> Result<()>;
}

/// The answer of a family without a prompt encoder to [`Part::Prompt`].
pub(crate) fn no_prompts(family: &str) -> Error {
    Error::new(Kind::Usage, format!("{family} takes no example pair")).advice("use a GenLV checkpoint, or leave the pair out")
}
