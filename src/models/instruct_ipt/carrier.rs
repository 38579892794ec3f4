//! The families that carry task adapters.

use serde_json::{Value, json};

use crate::base::{Error, Kind, Result};
use crate::checkpoint::{StateDict, adapters};
use crate::models::{Network, ipt, ldm_unet, nafnet, restormer, xrestormer};

type FromConfig = fn(&Value, &StateDict) -> Result<Box<dyn Network>>;
type Detect = fn(&StateDict) -> Option<Value>;

/// In order of detection.
const CARRIERS: &[(&str, FromConfig, Detect)] = &[
    (xrestormer::NAME, xrestormer::from_config, xrestormer::detect),
    (restormer::NAME, restormer::from_config, restormer::detect),
    (ipt::NAME, ipt::from_config, ipt::detect),
    (nafnet::NAME, nafnet::from_config, nafnet::detect),
    (ldm_unet::NAME, ldm_unet::from_config, ldm_unet::detect),
];

/// Whether task adapters can be switched and blended on this family.
pub fn carries(family: &str) -> bool {
    family == super::NAME || CARRIERS.iter().any(|c| c.0 == family)
}

/// The carrier of that name with its own configuration.
pub fn by_name(name: &str, config: &Value, dict: &StateDict) -> Result<Box<dyn Network>> {
    let found = CARRIERS.iter().find(|c| c.0 == name).ok_or_else(|| {
        let known: Vec<&str> = CARRIERS.iter().map(|c| c.0).collect();
        Error::new(Kind::Checkpoint, format!("{} cannot carry task adapters", name))
            .advice(format!("known carriers: {}", known.join(", ")))
    })?;
    (found.1)(config, dict)
}

/// The configuration of a checkpoint with adapters: its carrier's, the carrier's name and the tasks.
pub fn detect(dict: &StateDict) -> Option<Value> {
    let tasks = adapters::tasks(dict);
    if tasks.is_empty() {
        return None;
    }
    let bare = adapters::without(dict).ok()?;
    let (name, mut config) = CARRIERS.iter().find_map(|(name, _, detect)| Some((*name, detect(&bare)?)))?;
    config["carrier"] = json!(name);
    config["tasks"] = json!(tasks);
    Some(config)
}
