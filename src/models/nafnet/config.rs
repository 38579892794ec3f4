//! Constructor arguments of the official classes.

use serde_json::{Value, json};

use crate::base::Result;
use crate::checkpoint::StateDict;
use crate::models::settings::Settings;
use crate::models::{Network, Part, Protocol, Sizes, TilePolicy};
use crate::nn::Build;

#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub img_channel: u32,
    pub width: u32,
    pub middle_blk_num: u32,
    pub enc_blk_nums: Vec<u32>,
    pub dec_blk_nums: Vec<u32>,
    /// TLC: the pools are windows of 1.5 times the features of a training crop `[n, c, h, w]`.
    pub train_size: Option<[u32; 4]>,
}

/// The deepest of ten levels is 1024 times as wide as the first: more is a damaged configuration.
const MOST_LEVELS: usize = 10;

/// The longest side of a training crop that makes sense; its square still fits the window's arithmetic.
const MOST_SIDE: u32 = 16384;

pub fn from_config(value: &Value, _: &StateDict) -> Result<Box<dyn Network>> {
    let mut s = Settings::new(super::NAME, value)?;
    let train_size = match s.get("train_size") {
        Some(_) => Some(s.numbers("train_size", [1, 3, 256, 256])?),
        None => None,
    };
    if train_size.is_some_and(|[_, _, h, w]: [u32; 4]| ![h, w].iter().all(|side| (1..=MOST_SIDE).contains(side))) {
        s.only("train_size", &json!(format!("a crop of 1 to {MOST_SIDE} pixels a side")))?;
    }
    // The fast approximation of TLC changes the result and is not implemented.
    s.only("fast_imp", &json!(false))?;
    let config = Config {
        img_channel: s.u32("img_channel", 3)?,
        width: s.u32("width", 16)?,
        middle_blk_num: s.u32("middle_blk_num", 1)?,
        enc_blk_nums: s.list("enc_blk_nums", &[])?,
        dec_blk_nums: s.list("dec_blk_nums", &[])?,
        train_size,
    };
    let levels = config.enc_blk_nums.len();
    if levels > MOST_LEVELS || levels != config.dec_blk_nums.len() {
        s.only(
            "dec_blk_nums",
            &json!(format!("as many entries as enc_blk_nums has ({levels}), at most {MOST_LEVELS}")),
        )?;
    }
    s.finish()?;
    Ok(Box::new(config))
}

impl Network for Config {
    fn family(&self) -> &'static str {
        super::NAME
    }

    fn config(&self) -> Value {
        let mut config = json!({
            "img_channel": self.img_channel,
            "width": self.width,
            "middle_blk_num": self.middle_blk_num,
            "enc_blk_nums": self.enc_blk_nums,
            "dec_blk_nums": self.dec_blk_nums,
        });
        if let Some(size) = self.train_size {
            config["train_size"] = json!(size);
            config["fast_imp"] = json!(false);
        }
        config
    }

    fn sizes(&self) -> Sizes {
        let multiple = 1 << self.enc_blk_nums.len();
        let tiles = if self.train_size.is_some() { TilePolicy::Local } else { TilePolicy::GlobalStats };
        Sizes { multiple, least: 1, scale: 1, tiles }
    }

    /// The network pads by itself, with zeros that its pools see.
    fn protocol(&self, _task: Option<&str>) -> Protocol {
        Protocol::padded(1)
    }

    fn build(&self, b: &mut Build<'_>, part: &Part) -> Result<()> {
        super::net::build(self, b, part)
    }
}
