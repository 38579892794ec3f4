//! All families, and how a checkpoint finds its own.

use serde_json::{Map, Value};

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
    /// The configuration that the keys and shapes imply, or `None` if this is another family's checkpoint. Settings that
    /// leave no trace and have no published value that goes with the shapes are null: the user is asked for them.
    pub detect: fn(&StateDict) -> Option<Value>,
    /// Settings that leave no trace either, whose published value detection takes.
    pub assumes: &'static [&'static str],
}

/// In order of detection: a family whose keys include another's comes first.
pub const FAMILIES: &[Family] = &[
    Family {
        name: diffusion_generalist::NAME,
        from_config: diffusion_generalist::from_config,
        detect: diffusion_generalist::detect,
        assumes: &[
            "unet.num_heads",
            "unet.norm_num_groups",
            "text_encoder.num_attention_heads",
            "text_encoder.hidden_act",
            "text_encoder.pad",
            "text_encoder.output",
        ],
    },
    Family {
        name: instruct_ipt::NAME,
        from_config: instruct_ipt::from_config,
        detect: instruct_ipt::detect,
        assumes: &[],
    },
    Family { name: genlv::NAME, from_config: genlv::from_config, detect: genlv::detect, assumes: &[] },
    Family {
        name: xrestormer::NAME,
        from_config: xrestormer::from_config,
        detect: xrestormer::detect,
        assumes: &["scale", "overlap_ratio"],
    },
    Family { name: pip::NAME, from_config: pip::from_config, detect: pip::detect, assumes: &[] },
    Family { name: datprl::NAME, from_config: datprl::from_config, detect: datprl::detect, assumes: &[] },
    Family { name: restormer::NAME, from_config: restormer::from_config, detect: restormer::detect, assumes: &[] },
    Family { name: ipt::NAME, from_config: ipt::from_config, detect: ipt::detect, assumes: &[] },
    Family { name: nafnet::NAME, from_config: nafnet::from_config, detect: nafnet::detect, assumes: &["train_size"] },
    Family {
        name: ldm_unet::NAME,
        from_config: ldm_unet::from_config,
        detect: ldm_unet::detect,
        assumes: &["num_heads", "norm_num_groups"],
    },
    Family {
        name: clip_text::NAME,
        from_config: clip_text::from_config,
        detect: clip_text::detect,
        assumes: &["num_attention_heads", "hidden_act", "pad", "output"],
    },
    Family {
        name: convnext::NAME,
        from_config: convnext::from_config,
        detect: convnext::detect,
        assumes: &["layer_norm_eps"],
    },
];

pub use super::{ARCHITECTURE, CONFIG};

/// Metadata key of a stored prompt; its value names the family.
pub const PROMPT: &str = "vernis.prompt";
/// The architecture that the file of the sentence classifier names.
const WORDS: &str = "words";

/// What a user says of a checkpoint. It wins over metadata, and metadata over keys and shapes.
#[derive(Debug, Clone, Default)]
pub struct Said {
    pub architecture: Option<String>,
    /// Settings that replace or complete the configuration.
    pub config: Map<String, Value>,
}

/// The network of a checkpoint: from its metadata, else from its keys and shapes.
pub fn network(dict: &StateDict) -> Result<Box<dyn Network>> {
    network_as(dict, &Said::default())
}

/// [`network`] with what the user adds.
pub fn network_as(dict: &StateDict, said: &Said) -> Result<Box<dyn Network>> {
    let metadata = dict.metadata();
    if said.architecture.is_none() {
        refuse_others(dict)?;
    }
    let stored = metadata.get(ARCHITECTURE);
    let text = metadata.get(CONFIG).filter(|_| said.architecture.is_none() || said.architecture.as_ref() == stored);
    let (name, mut config, unseen) = match (said.architecture.as_ref().or(stored), text) {
        (Some(name), Some(text)) => {
            let config: Value = serde_json::from_str(text).map_err(|e| {
                Error::new(Kind::Checkpoint, format!("the metadata {CONFIG} of {} is no JSON", dict.name())).why(e)
            })?;
            (family(name)?.name, config, Vec::new())
        }
        (Some(name), None) => seen(family(name)?, detect_as(name, dict)?),
        (None, _) => FAMILIES.iter().find_map(|f| Some(seen(f, (f.detect)(dict)?))).ok_or_else(|| stranger(dict))?,
    };
    if let Some(object) = config.as_object_mut() {
        object.extend(said.config.clone());
    }
    let missing: Vec<String> = unseen.into_iter().filter(|key| config[key].is_null()).collect();
    if !missing.is_empty() {
        let wanted = missing.iter().map(|key| format!("\"{key}\": ...")).collect::<Vec<_>>().join(", ");
        return Err(Error::new(Kind::Checkpoint, format!("{} does not tell its {}", dict.name(), missing.join(", ")))
            .why(format!("these settings of {name} leave no trace in keys and shapes, and there is no metadata"))
            .advice(format!("say them: vernis convert {} -o OUT.safetensors --config '{{{wanted}}}'", dict.name())));
    }
    by_name(name, &config, dict)
}

/// Settings of a checkpoint, with their values, that neither its metadata nor its shapes nor the user told, so that the
/// published value was taken. A dot leads into a part of the model.
pub fn assumed(dict: &StateDict, network: &dyn Network, said: &Map<String, Value>) -> Vec<(String, String)> {
    if dict.metadata().contains_key(CONFIG) {
        return Vec::new();
    }
    let config = network.config();
    // Adapters are carried by another family.
    let family = config.get("carrier").and_then(Value::as_str).unwrap_or(network.family());
    let keys = FAMILIES.iter().filter(|f| f.name == family).flat_map(|f| f.assumes);
    let open = keys.filter(|key| key.split('.').next().is_some_and(|first| !said.contains_key(first)));
    let value =
        |key: &&str| Some((key.to_string(), config.pointer(&format!("/{}", key.replace('.', "/")))?.to_string()));
    open.filter_map(value).collect()
}

/// Files of this program that are no networks say what they are for.
fn refuse_others(dict: &StateDict) -> Result<()> {
    let metadata = dict.metadata();
    let (what, advice) = if metadata.contains_key(PROMPT) {
        ("a stored prompt", "give it to --prompt, beside the model it was made with")
    } else if metadata.get(ARCHITECTURE).is_some_and(|a| a == WORDS) {
        ("the classifier of sentences", "it is built into the program: --say asks it")
    } else {
        return Ok(());
    };
    Err(Error::new(Kind::Checkpoint, format!("{} is {what}, no network", dict.name())).advice(advice))
}

/// A detected configuration with the keys that detection left open (null).
fn seen(family: &Family, config: Value) -> (&'static str, Value, Vec<String>) {
    let open = config.as_object().into_iter().flatten().filter(|(_, v)| v.is_null()).map(|(k, _)| k.clone()).collect();
    (family.name, config, open)
}

fn stranger(dict: &StateDict) -> Error {
    let keys: Vec<&str> = dict.keys().take(4).collect();
    Error::new(Kind::Checkpoint, format!("{} belongs to no architecture vernis knows", dict.name()))
        .why(format!("its keys begin with {}", keys.join(", ")))
        .advice(format!("known families: {}", names().join(", ")))
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
