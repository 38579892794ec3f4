//! Constructor arguments of the official classes.

use serde_json::{Map, Value, json};

use super::fusion::{BlockFusion, PromptFusion};
use super::pool::Pool;
use crate::base::{Error, Kind, Result};
use crate::checkpoint::StateDict;
use crate::models::settings::Settings;
use crate::models::trunk::{norm_kind, norm_name};
use crate::models::{Fit, Network, Part, Protocol, Sizes, TilePolicy};
use crate::nn::{Build, NormKind};

/// The official class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Restormer,
    RestormerTaskOnly,
    Nafnet,
}

impl Class {
    pub const ALL: [Class; 3] = [Class::Restormer, Class::RestormerTaskOnly, Class::Nafnet];

    pub const fn name(self) -> &'static str {
        match self {
            Class::Restormer => "DualPromptRestormerv3",
            Class::RestormerTaskOnly => "DualPromptRestormerv3_only_task_prompt",
            Class::Nafnet => "DualPromptNAFNetv3",
        }
    }
}

/// What the two backbones differ in.
#[derive(Debug, Clone, PartialEq)]
pub enum Backbone {
    Restormer {
        /// `dim` wins over `width`; with neither it is 48.
        dim: Option<u32>,
        width: Option<u32>,
        enc_blk_nums: [u32; 3],
        /// Finest level first, although the official constructor reads as if the deepest came first.
        dec_blk_nums: [u32; 3],
        refine_blk_num: u32,
        heads: [u32; 4],
        ffn_expansion_factor: f64,
        bias: bool,
        norm: NormKind,
    },
    Nafnet {
        width: u32,
        enc_blk_nums: Vec<u32>,
        dec_blk_nums: Vec<u32>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub img_channel: u32,
    pub middle_blk_num: u32,
    pub backbone: Backbone,
    pub use_prompt: bool,
    /// `None` in the class with the task pool only.
    pub domain: Option<Pool>,
    pub degradation: Pool,
    pub prompt_fusion: PromptFusion,
    pub fusion: BlockFusion,
}

pub fn from_config(value: &Value, _: &StateDict) -> Result<Box<dyn Network>> {
    Ok(Box::new(Config::parse(value)?))
}

impl Config {
    pub fn parse(value: &Value) -> Result<Config> {
        let mut s = Settings::new(super::NAME, value)?;
        let name = s.text("class", Class::Restormer.name())?;
        let Some(class) = Class::ALL.into_iter().find(|c| c.name() == name) else {
            let known = Class::ALL.map(Class::name).join(", ");
            return Err(
                Error::new(Kind::Checkpoint, format!("datprl has no class {name}")).why(format!("it has {known}"))
            );
        };
        let naf = class == Class::Nafnet;
        let backbone = if naf { nafnet(&mut s)? } else { restormer(&mut s)? };
        let tokens = s.u32("value_num_tokens", if naf { 5 } else { 2 })?;
        let (domain_size, task_size, keep) = if naf { (6, 12, 3) } else { (15, 15, 5) };
        let domain = match class {
            Class::RestormerTaskOnly => None,
            _ => Some(Pool {
                size: s.u32("domain_pool_size", domain_size)?,
                dim: s.u32("domain_prompt_dim", 1024)?,
                keep: s.u32("domain_top_k", keep)?,
                tokens,
            }),
        };
        let degradation = Pool {
            size: s.u32("degradation_pool_size", task_size)?,
            dim: s.u32("degradation_prompt_dim", 1024)?,
            keep: s.u32("degradation_top_k", 3)?,
            tokens,
        };
        let prompt_fusion = match &domain {
            None => PromptFusion::Concat,
            Some(_) => PromptFusion::parse(&mut s)?,
        };
        let config = Config {
            img_channel: s.u32("img_channel", 3)?,
            middle_blk_num: s.u32("middle_blk_num", if naf { 12 } else { 8 })?,
            backbone,
            use_prompt: s.bool("use_prompt", true)?,
            domain,
            degradation,
            prompt_fusion,
            fusion: BlockFusion::parse(&mut s)?,
        };
        s.finish()?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<()> {
        let wrong = |why: String| Err(Error::new(Kind::Checkpoint, "the configuration of datprl is wrong").why(why));
        for pool in self.domain.iter().chain([&self.degradation]) {
            if pool.dim == 0 || pool.tokens == 0 || pool.keep == 0 || pool.keep > pool.size {
                let Pool { size, dim, keep, tokens } = pool;
                return wrong(format!("a pool of {size} prompts of {tokens} x {dim} cannot keep {keep}"));
            }
        }
        if let (PromptFusion::CrossAttention, Some(domain)) = (self.prompt_fusion, self.domain) {
            let (a, b) = (domain.dim, self.degradation.dim);
            if a != b || a % 8 != 0 {
                return wrong(format!("cross_attention of prompts of {a} and {b} needs one width, a multiple of 8"));
            }
        }
        Ok(())
    }

    pub fn class(&self) -> Class {
        match (&self.backbone, &self.domain) {
            (Backbone::Nafnet { .. }, _) => Class::Nafnet,
            (_, Some(_)) => Class::Restormer,
            (_, None) => Class::RestormerTaskOnly,
        }
    }

    /// Height and width inside are multiples of this.
    pub fn multiple(&self) -> u32 {
        match &self.backbone {
            Backbone::Restormer { .. } => 8,
            Backbone::Nafnet { enc_blk_nums, .. } => 1 << enc_blk_nums.len(),
        }
    }
}

fn restormer(s: &mut Settings<'_>) -> Result<Backbone> {
    let optional = |s: &mut Settings<'_>, key| match s.get(key) {
        None => Ok(None),
        Some(_) => s.u32(key, 0).map(Some),
    };
    Ok(Backbone::Restormer {
        dim: optional(s, "dim")?,
        width: optional(s, "width")?,
        enc_blk_nums: s.numbers("enc_blk_nums", [4, 6, 6])?,
        dec_blk_nums: s.numbers("dec_blk_nums", [6, 6, 4])?,
        refine_blk_num: s.u32("refine_blk_num", 4)?,
        heads: s.numbers("heads", [1, 2, 4, 8])?,
        ffn_expansion_factor: s.f64("ffn_expansion_factor", 2.66)?,
        bias: s.bool("bias", false)?,
        norm: norm_kind(s)?,
    })
}

fn nafnet(s: &mut Settings<'_>) -> Result<Backbone> {
    let enc_blk_nums = s.list("enc_blk_nums", &[2, 2, 4, 8])?;
    let dec_blk_nums = s.list("dec_blk_nums", &[2, 2, 2, 2])?;
    let levels = enc_blk_nums.len();
    if levels > 6 || levels != dec_blk_nums.len() {
        s.only("dec_blk_nums", &json!(format!("as many entries as enc_blk_nums has ({levels}), at most 6")))?;
    }
    Ok(Backbone::Nafnet { width: s.u32("width", 32)?, enc_blk_nums, dec_blk_nums })
}

impl Network for Config {
    fn family(&self) -> &'static str {
        super::NAME
    }

    fn config(&self) -> Value {
        let mut out = Map::new();
        let mut set = |key: &str, value: Value| out.insert(key.to_owned(), value);
        set("class", json!(self.class().name()));
        set("img_channel", json!(self.img_channel));
        match &self.backbone {
            Backbone::Restormer {
                dim,
                width,
                enc_blk_nums,
                dec_blk_nums,
                refine_blk_num,
                heads,
                ffn_expansion_factor,
                bias,
                norm,
            } => {
                set("dim", json!(dim));
                set("width", json!(width));
                set("enc_blk_nums", json!(enc_blk_nums));
                set("dec_blk_nums", json!(dec_blk_nums));
                set("refine_blk_num", json!(refine_blk_num));
                set("heads", json!(heads));
                set("ffn_expansion_factor", json!(ffn_expansion_factor));
                set("bias", json!(bias));
                set("LayerNorm_type", json!(norm_name(*norm)));
            }
            Backbone::Nafnet { width, enc_blk_nums, dec_blk_nums } => {
                set("width", json!(width));
                set("enc_blk_nums", json!(enc_blk_nums));
                set("dec_blk_nums", json!(dec_blk_nums));
            }
        }
        set("middle_blk_num", json!(self.middle_blk_num));
        set("use_prompt", json!(self.use_prompt));
        if let Some(pool) = &self.domain {
            set("domain_pool_size", json!(pool.size));
            set("domain_prompt_dim", json!(pool.dim));
            set("domain_top_k", json!(pool.keep));
            set("prompt_fusion_method", json!(self.prompt_fusion.name()));
        }
        set("degradation_pool_size", json!(self.degradation.size));
        set("degradation_prompt_dim", json!(self.degradation.dim));
        set("degradation_top_k", json!(self.degradation.keep));
        set("value_num_tokens", json!(self.degradation.tokens));
        set("fusion_method", json!(self.fusion.name()));
        Value::Object(out)
    }

    fn sizes(&self) -> Sizes {
        // The networks pad to this with zeros; the session pads by reflection before.
        let multiple = self.multiple();
        Sizes { multiple, least: multiple, scale: 1, tiles: TilePolicy::GlobalStats }
    }

    /// The class with the task pool alone is tested by the all-in-one program, the others by the multi-domain one, which
    /// leaves padding to the network.
    fn protocol(&self, task: Option<&str>) -> Protocol {
        match self.class() {
            Class::RestormerTaskOnly => {
                let pad = if task == Some("denoise") { 1 } else { 32 };
                Protocol { fit: Fit::Centre(16), ..Protocol::padded(pad) }
            }
            Class::Restormer | Class::Nafnet => Protocol::padded(1),
        }
    }

    fn parts(&self) -> Vec<Part> {
        let least = self.multiple();
        let main = Part::main(1, least, least, Vec::new());
        if !self.use_prompt {
            return vec![main];
        }
        let shared = super::main_with_prompt(1, least, least);
        vec![main, shared, super::query_part(1, least, least), super::select_part(1)]
    }

    fn build(&self, b: &mut Build<'_>, part: &Part) -> Result<()> {
        super::net::build(self, b, part)
    }
}
