//! Constructor arguments of the official class (there they are fields of `args`).

use serde_json::{Value, json};

use crate::base::{Error, Kind, Result};
use crate::checkpoint::StateDict;
use crate::models::settings::Settings;
use crate::models::{Network, Part, Protocol, Sizes, TilePolicy};
use crate::nn::Build;

#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub n_feats: u32,
    pub n_colors: u32,
    /// White in the network's values. The mean shift itself is stored in the checkpoint.
    pub rgb_range: u32,
    /// The magnification of each head and tail pair.
    pub scale: Vec<u32>,
    pub patch_size: u32,
    pub patch_dim: u32,
    pub num_heads: u32,
    pub num_layers: u32,
    pub num_queries: u32,
    pub no_norm: bool,
    pub no_mlp: bool,
    pub pos_every: bool,
    pub no_pos: bool,
}

impl Config {
    /// Width of a token.
    pub fn token(&self) -> u32 {
        self.n_feats * self.patch_dim * self.patch_dim
    }

    /// Tokens of a tile.
    pub fn tokens(&self) -> u32 {
        (self.patch_size / self.patch_dim).pow(2)
    }

    /// Tasks that can be run: the decoder's query of a task is the row of its number, where there are queries.
    pub fn runnable(&self) -> u32 {
        let tasks = self.scale.len() as u32;
        if self.no_mlp { tasks } else { tasks.min(self.num_queries) }
    }

    /// The graph of `n` tiles through head and tail `index`.
    pub fn part(&self, n: u32, index: u32) -> Part {
        Part::main(n, self.patch_size, self.patch_size, vec![index])
    }

    pub fn parse(value: &Value) -> Result<Config> {
        let mut s = Settings::new(super::NAME, value)?;
        // Dropout never acts in inference.
        s.f64("dropout_rate", 0.0)?;
        let config = Config {
            n_feats: s.u32("n_feats", 64)?,
            n_colors: s.u32("n_colors", 3)?,
            rgb_range: s.u32("rgb_range", 255)?,
            scale: s.list("scale", &[1])?,
            patch_size: s.u32("patch_size", 48)?,
            patch_dim: s.u32("patch_dim", 3)?,
            num_heads: s.u32("num_heads", 12)?,
            num_layers: s.u32("num_layers", 12)?,
            num_queries: s.u32("num_queries", 1)?,
            no_norm: s.bool("no_norm", false)?,
            no_mlp: s.bool("no_mlp", false)?,
            pos_every: s.bool("pos_every", false)?,
            no_pos: s.bool("no_pos", false)?,
        };
        s.finish()?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<()> {
        let wrong = |key: &str, why: String| {
            Err(Error::new(Kind::Checkpoint, format!("the configuration key {key} of ipt is wrong")).why(why))
        };
        if self.scale.is_empty() || self.scale.iter().any(|s| !matches!(s, 1 | 2 | 3 | 4 | 8)) {
            return wrong("scale", format!("expected one of 1, 2, 3, 4, 8 for each task, got {:?}", self.scale));
        }
        let (s, p) = (self.patch_size, self.patch_dim);
        if p == 0 || p > 64 || s == 0 || s > 4096 || !s.is_multiple_of(p) {
            return wrong("patch_dim", format!("expected a divisor of patch_size {s}, got {p}"));
        }
        if self.n_feats == 0 || self.n_feats > 4096 || self.n_colors == 0 {
            return wrong("n_feats", format!("{} features of {} colours", self.n_feats, self.n_colors));
        }
        if self.num_heads == 0 || !self.token().is_multiple_of(self.num_heads) {
            return wrong("num_heads", format!("{} heads do not divide tokens of {}", self.num_heads, self.token()));
        }
        if self.no_pos && self.pos_every {
            return wrong("pos_every", "without positions (no_pos) the official code cannot add them".into());
        }
        if !self.no_mlp && self.num_queries == 0 {
            return wrong("num_queries", "the decoder asks with one of each task, and there is none".into());
        }
        Ok(())
    }
}

pub fn from_config(value: &Value, _: &StateDict) -> Result<Box<dyn Network>> {
    Ok(Box::new(Config::parse(value)?))
}

impl Network for Config {
    fn family(&self) -> &'static str {
        super::NAME
    }

    fn config(&self) -> Value {
        json!({
            "n_feats": self.n_feats,
            "n_colors": self.n_colors,
            "rgb_range": self.rgb_range,
            "scale": self.scale,
            "patch_size": self.patch_size,
            "patch_dim": self.patch_dim,
            "num_heads": self.num_heads,
            "num_layers": self.num_layers,
            "num_queries": self.num_queries,
            "dropout_rate": 0,
            "no_norm": self.no_norm,
            "no_mlp": self.no_mlp,
            "pos_every": self.pos_every,
            "no_pos": self.no_pos,
        })
    }

    fn sizes(&self) -> Sizes {
        let s = self.patch_size;
        Sizes { multiple: s, least: s, scale: self.scale[0], tiles: TilePolicy::Fixed }
    }

    fn scale(&self, extra: &[u32]) -> u32 {
        let index = extra.first().map_or(0, |i| *i as usize);
        self.scale.get(index).copied().unwrap_or(1)
    }

    /// Nothing but the magnification of a head is stored: heads that magnify alike are told apart by number.
    fn heads(&self) -> Vec<String> {
        let alone = |s: &u32| self.scale.iter().filter(|o| *o == s).count() == 1;
        let name = |(i, s): (usize, &u32)| if *s > 1 && alone(s) { format!("x{s}") } else { format!("head{i}") };
        if self.scale.len() < 2 { Vec::new() } else { self.scale.iter().enumerate().map(name).collect() }
    }

    /// The official tiling takes any picture that is no smaller than a tile.
    fn protocol(&self, _task: Option<&str>) -> Protocol {
        Protocol::padded(1)
    }

    fn range(&self) -> f32 {
        self.rgb_range as f32
    }

    fn parts(&self) -> Vec<Part> {
        (0..self.runnable()).map(|i| self.part(1, i)).collect()
    }

    fn build(&self, b: &mut Build<'_>, part: &Part) -> Result<()> {
        super::net::build(self, b, part)
    }
}
