//! Constructor arguments of the official class.

use serde_json::{Value, json};

use crate::base::Result;
use crate::checkpoint::StateDict;
use crate::models::settings::Settings;
use crate::models::trunk::{Names, Trunk};
use crate::models::{Network, Part, Sizes, TilePolicy};
use crate::nn::Build;

#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub trunk: Trunk,
    pub out_channels: u32,
    pub dual_pixel_task: bool,
}

impl Config {
    pub fn parse(value: &Value) -> Result<Config> {
        let mut s = Settings::new(super::NAME, value)?;
        let config = Config {
            trunk: Trunk::parse(&mut s, &Names::RESTORMER)?,
            out_channels: s.u32("out_channels", 3)?,
            dual_pixel_task: s.bool("dual_pixel_task", false)?,
        };
        s.finish()?;
        Ok(config)
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
        let own = json!({ "out_channels": self.out_channels, "dual_pixel_task": self.dual_pixel_task });
        self.trunk.config(&Names::RESTORMER, own)
    }

    fn sizes(&self) -> Sizes {
        Sizes { multiple: 8, least: 8, scale: 1, tiles: TilePolicy::GlobalStats }
    }

    fn build(&self, b: &mut Build<'_>, part: &Part) -> Result<()> {
        super::net::build(self, b, part)
    }
}
