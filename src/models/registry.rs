//! All families, and how a checkpoint finds its own.

use serde_json::Value;

use super::{
    Network, clip_text, convnext, datprl, diffusion_generalist, genlv, instruct_ipt, ipt, ldm_unet, nafnet, pip,
    restormer, xrestormer,
};
use crate::base::{Error, Kind, Result};
use crate::checkpoint::StateDict;

/// One family.
pub struct Family {
    pub name: &'static str,
    /// Builds the network of a configuration; the checkpoint supplies what the configuration leaves out.
    pub from_config: fn(&Value, &StateDict) -> Result<Box<dyn Network>>,
    /// The configuration that the keys and shapes imply, or `None` if this is another family's checkpoint.
    pub detect: fn(&StateDict) -> Option<Value>,
}

/// In order of detection: a family whose keys include another's comes first.
pub const FAMILIES: &[Family] = &[
    Family {
        name: diffusion_generalist::NAME,
        from_config: diffusion_generalist::from_config,
        detect: diffusion_generalist::detect,
    },
    Family { name: instruct_ipt::NAME, from_config: instruct_ipt::from_config, detect: instruct_ipt::detect },
    Family { name: genlv::NAME, from_config: genlv::from_config, detect: genlv::detect },
    Family { name: xrestormer::NAME, from_config: xrestormer::from_config, detect: xrestormer::detect },
    Family { name: pip::NAME, from_config: pip::from_config, detect: pip::detect },
    Family { name: datprl::NAME, from_config: datprl::from_config, detect: datprl::detect },
    Family { name: restormer::NAME, from_config: restormer::from_config, detect: restormer::detect },
    Family { name: ipt::NAME, from_config: ipt::from_config, detect: ipt::detect },
    Family { name: nafnet::NAME, from_config: nafnet::from_config, detect: nafnet::detect },
    Family { name: ldm_unet::NAME, from_config: ldm_unet::from_config, detect: ldm_unet::detect },
    Family { name: clip_text::NAME, from_config: clip_text::from_config, detect: clip_text::detect },
    Family { name: convnext::NAME, from_config: convnext::from_config, detect: convnext::detect },
];

pub use super::{ARCHITECTURE, CONFIG};

/// The network of a checkpoint: from its metadata, else from its keys and shapes.
pub fn network(dict: &StateDict) -> Result<Box<dyn Network>> {
    let metadata = dict.metadata();
    if let Some(name) = metadata.get(ARCHITECTURE) {
        let config = match metadata.get(CONFIG) {
            Some(text) => serde_json::from_str(text).map_err(|e| {
                Error::new(Kind::Checkpoint, format!("the metadata {CONFIG} of {} is no JSON", dict.name())).why(e)
            })?,
            None => detect_as(name, dict)?,
        };
        return by_name(name, &config, dict);
    }
    for family in FAMILIES {
        if let Some(config) = (family.detect)(dict) {
            return (family.from_config)(&config, dict);
        }
    }
    let keys: Vec<&str> = dict.keys().take(4).collect();
    Err(Error::new(Kind::Checkpoint, format!("{} belongs to no architecture vernis knows", dict.name()))
        .why(format!("its keys begin with {}", keys.join(", ")))
        .advice(format!("known families: {}", names().join(", "))))
}

/// The network of a family by its name.
pub fn by_name(name: &str, config: &Value, dict: &StateDict) -> Result<Box<dyn Network>> {
    (family(name)?.from_config)(config, dict)
}

fn detect_as(name: &str, dict: &StateDict) -> Result<Value> {
    (family(name)?.detect)(dict).ok_or_else(|| {
        Error::new(
            Kind::Checkpoint,
            format!("{} says that it is a {name} checkpoint but lacks its weights", dict.name()),
        )
    })
}

fn family(name: &str) -> Result<&'static Family> {
    FAMILIES.iter().find(|f| f.name == name).ok_or_else(|| {
        Error::new(Kind::Checkpoint, format!("vernis does not know the architecture {name}"))
            .advice(format!("known families: {}", names().join(", ")))
    })
}

pub fn names() -> Vec<&'static str> {
    FAMILIES.iter().map(|f| f.name).collect()
}
