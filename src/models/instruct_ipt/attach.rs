//! A separate adapter file joins a checkpoint of any carrier.

use serde_json::{Map, Value, json};

use crate::base::{Error, Kind, Result};
use crate::checkpoint::{StateDict, adapters};
use crate::models::{ARCHITECTURE, CONFIG};

/// `dict` with the adapter under the name `task`; metadata that named the carrier now name it as a carrier.
pub fn attach(dict: &StateDict, task: &str, adapter: &StateDict, config: Option<&Value>) -> Result<StateDict> {
    let joined = adapters::attach(&dict.unwrapped()?, task, adapter, config)?;
    let mut metadata = joined.metadata().clone();
    let (Some(family), Some(text)) = (metadata.get(ARCHITECTURE).cloned(), metadata.get(CONFIG)) else {
        // Without a configuration the keys tell everything.
        metadata.remove(ARCHITECTURE);
        return Ok(joined.with_metadata(metadata));
    };
    let mut own: Map<String, Value> = serde_json::from_str(text).map_err(|e| {
        Error::new(Kind::Checkpoint, format!("the metadata {CONFIG} of {} is no JSON object", dict.name())).why(e)
    })?;
    if family != super::NAME {
        own.insert("carrier".into(), json!(family));
    }
    own.insert("tasks".into(), json!(adapters::tasks(&joined)));
    metadata.insert(ARCHITECTURE.into(), super::NAME.into());
    metadata.insert(CONFIG.into(), Value::Object(own).to_string());
    Ok(joined.with_metadata(metadata))
}
