//! What the checkpoint of a text tower says about it.

use serde_json::{Value, json};

use super::Layout;
use crate::base::{Error, Kind, Result, Shape};
use crate::checkpoint::StateDict;
use crate::models::settings::Settings;
use crate::models::{MAIN, Network, Part, Sizes, TilePolicy, no_such_part};
use crate::nn::Build;
use crate::ops::Activation;

/// Which hidden state the final LayerNorm sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    Last,
    /// The one before the last block, as Stable Diffusion 2 uses it.
    Penultimate,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub layout: Layout,
    pub width: u32,
    pub layers: u32,
    pub heads: u32,
    pub hidden: u32,
    pub activation: Activation,
    pub layer_norm_eps: f64,
    pub vocabulary: u32,
    pub positions: u32,
    /// The id behind the end of a text.
    pub pad: u32,
    pub output: Output,
    /// Blocks that the checkpoint holds.
    pub stored: u32,
    /// Width of the text projection, where the checkpoint has one.
    pub projection: Option<u32>,
}

/// The id of the end of a text in the published vocabularies.
const END: u32 = 49407;
/// Blocks of Stable Diffusion 2's tower in files that have dropped the last of its 24.
const DROPPED_LAST: u32 = 23;

impl Config {
    pub fn parse(value: &Value, dict: &StateDict) -> Result<Config> {
        let mut s = Settings::new(super::NAME, value)?;
        let layout = match s.text("layout", "transformers")?.as_str() {
            "transformers" => Layout::Transformers,
            "open_clip" => Layout::OpenClip,
            _ => s.only("layout", &json!("transformers or open_clip")).map(|()| Layout::Transformers)?,
        };
        s.only("causal_mask", &json!(true))?;
        s.only("padding_mask", &json!(false))?;
        for informative in ["bos_token_id", "embed_dim", "projection_dim"] {
            s.u32(informative, 0)?;
        }
        let vocabulary = s.u32("vocab_size", 49408)?;
        let end = s.u32("eos_token_id", END.min(vocabulary.saturating_sub(1)))?;
        // OpenCLIP's configurations use other words.
        let width = s.u32("width", 768)?;
        let width = s.u32("hidden_size", width)?;
        let heads = s.u32("heads", width / 64)?;
        let layers = s.u32("layers", 12)?;
        let positions = s.u32("context_length", 77)?;
        let positions = s.u32("max_position_embeddings", positions)?;
        let act = s.text("act", "quick_gelu")?;
        let canonical = layout.canonical(dict)?;
        let stored = crate::models::keys::children(&canonical, "encoder.layers") as u32;
        let config = Config {
            layout,
            width,
            layers: s.u32("num_hidden_layers", layers)?,
            heads: s.u32("num_attention_heads", heads)?,
            hidden: s.u32("intermediate_size", 4 * width)?,
            activation: match s.text("hidden_act", &act)?.as_str() {
                "quick_gelu" => Activation::QuickGelu,
                "gelu" | "gelu_erf" => Activation::Gelu,
                _ => s.only("hidden_act", &json!("quick_gelu or gelu")).map(|()| Activation::Gelu)?,
            },
            layer_norm_eps: s.f64("layer_norm_eps", 1e-5)?,
            vocabulary,
            positions: s.u32("max_positions", positions)?,
            pad: match s.text("pad", "eot")?.as_str() {
                "eot" => end,
                "zero" => 0,
                _ => s.only("pad", &json!("eot or zero")).map(|()| 0)?,
            },
            output: match s.text("output", "last")?.as_str() {
                "last" | "last_hidden_state after final_layer_norm" => Output::Last,
                "penultimate" => Output::Penultimate,
                _ => s.only("output", &json!("last or penultimate")).map(|()| Output::Last)?,
            },
            stored,
            projection: canonical.shape("text_projection").and_then(|s| s.get(1)).map(|d| *d as u32),
        };
        s.finish()?;
        config.check(dict)
    }

    /// A file may have dropped the block that a penultimate output does not need.
    fn check(self, dict: &StateDict) -> Result<Config> {
        let dropped = self.output == Output::Penultimate && self.stored + 1 == self.layers;
        if self.stored == 0 || (self.stored != self.layers && !dropped) {
            return Err(Error::new(Kind::Checkpoint, format!("the text tower of {} is incomplete", dict.name()))
                .why(format!("expected {} blocks, got {}", self.layers, self.stored)));
        }
        if self.heads == 0 || !self.width.is_multiple_of(self.heads) {
            return Err(Error::new(Kind::Checkpoint, "the configuration of clip-text is wrong")
                .why(format!("{} channels do not make {} heads", self.width, self.heads)));
        }
        Ok(self)
    }

    /// Blocks whose result the final LayerNorm sees for `output`.
    pub fn depth(&self, output: Output) -> u32 {
        match output {
            Output::Last => self.stored,
            Output::Penultimate if self.stored < self.layers || self.stored == DROPPED_LAST => self.stored,
            Output::Penultimate => self.stored - 1,
        }
    }

    pub fn to_json(&self) -> Value {
        json!({
            "layout": self.layout.name(),
            "hidden_size": self.width,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "intermediate_size": self.hidden,
            "hidden_act": if self.activation == Activation::QuickGelu { "quick_gelu" } else { "gelu" },
            "layer_norm_eps": self.layer_norm_eps,
            "vocab_size": self.vocabulary,
            "max_positions": self.positions,
            "pad": if self.pad == 0 { "zero" } else { "eot" },
            "output": if self.output == Output::Last { "last" } else { "penultimate" },
        })
    }
}

pub fn from_config(value: &Value, dict: &StateDict) -> Result<Box<dyn Network>> {
    Ok(Box::new(Config::parse(value, dict)?))
}

impl Network for Config {
    fn family(&self) -> &'static str {
        super::NAME
    }

    fn config(&self) -> Value {
        self.to_json()
    }

    fn sizes(&self) -> Sizes {
        Sizes { multiple: 1, least: 1, scale: 1, tiles: TilePolicy::GlobalStats }
    }

    fn canonical(&self, dict: &StateDict) -> Result<StateDict> {
        self.layout.canonical(dict)
    }

    /// `part.w` is the number of tokens. Input `embeddings`, outputs `last` and `penultimate`.
    fn build(&self, b: &mut Build<'_>, part: &Part) -> Result<()> {
        if part.name != MAIN {
            return Err(no_such_part(super::NAME, part));
        }
        let x = b.graph.input("embeddings", Shape::new(part.n, 1, part.w, self.width));
        let [last, penultimate] = super::tower(self, b, "", x, &[Output::Last, Output::Penultimate])?[..] else {
            return Err(no_such_part(super::NAME, part));
        };
        b.graph.output("penultimate", penultimate);
        b.graph.output("last", last);
        Ok(())
    }
}
