//! Official checkpoints become files that say what they are.

use std::path::Path;

use serde_json::{Map, Value};

use crate::base::file::writable;
use crate::base::{DType, Error, Kind, Result};
use crate::checkpoint::{Data, Element, StateDict, write_safetensors};
use crate::models::registry::{Said, assumed, network_as};
use crate::models::{ARCHITECTURE, CONFIG};
use crate::run::metadata::{COLOUR, Colour, PRECISION};
use crate::run::model::Model;

/// Metadata keys of the licence: ours, and that of the model spec.
pub(super) const LICENCE: [&str; 3] = ["vernis.license", "modelspec.license", "license"];

/// How a checkpoint is converted.
#[derive(Debug, Clone, Default)]
pub struct ConvertOptions {
    /// The family, where keys and shapes would say another.
    pub architecture: Option<String>,
    /// A JSON object whose settings replace or complete what was recognised.
    pub config: Option<String>,
    /// The licence of the weights; what the file says stays otherwise.
    pub license: Option<String>,
    /// Storage of all floats; each keeps its own type when `None`.
    pub dtype: Option<DType>,
    /// The smallest storage that the weights were verified in (see [`crate::Engine::half_agreement`]); what the file says
    /// stays otherwise.
    pub verified: Option<DType>,
    /// Whether a file of that name may be replaced; refused otherwise.
    pub overwrite: bool,
}

/// What was recognised and written.
#[derive(Debug, Clone, PartialEq)]
pub struct Converted {
    /// The recognised family.
    pub family: String,
    /// Constructor arguments of the official class, JSON.
    pub config: String,
    /// Settings, with their values in JSON, that nothing in the file tells, so that published values were taken.
    pub assumed: Vec<(String, String)>,
    /// Tensors written.
    pub tensors: usize,
    /// Numbers in its float tensors.
    pub parameters: u64,
    /// Prefixes and leftovers of a training program were taken off the names.
    pub unwrapped: bool,
    /// What the written file says; `None` if neither the options nor the checkpoint name one.
    pub license: Option<String>,
    /// Bytes of the tensors that were written.
    pub bytes: u64,
}

/// Reads a checkpoint (safetensors, or .pth without executing anything in it), takes the wrappers of training programs
/// off, recognises the family, proves that the weights are exactly those the network reads, and writes safetensors with
/// architecture, configuration, colour order and licence in the metadata; whole or not at all.
///
/// # Errors
/// [`Kind::ModelMissing`] if there is no such file, [`Kind::Checkpoint`] if it is damaged, hostile, of no known family, or
/// leaves settings open that shapes do not show; [`Kind::Usage`] for a configuration that is no JSON object;
/// [`Kind::Output`] if the output exists or cannot be written.
pub fn convert(from: &Path, to: &Path, options: &ConvertOptions) -> Result<Converted> {
    writable(to, options.overwrite)?;
    let stored = StateDict::open(from)?;
    let dict = stored.unwrapped()?;
    let said = Said { architecture: options.architecture.clone(), config: settings(options.config.as_deref())? };
    let model = Model::with_network(dict.clone(), network_as(&dict, &said)?)?;
    let assumed = assumed(&dict, model.network(), &said.config);
    let mut metadata = dict.metadata().clone();
    let mut set = |key: &str, value: &str| drop(metadata.insert(key.to_owned(), value.to_owned()));
    let config = model.network().config().to_string();
    set(ARCHITECTURE, model.network().family());
    set(CONFIG, &config);
    set(COLOUR, if model.colour() == Colour::Bgr { "bgr" } else { "rgb" });
    set("format", "pt");
    if let Some(precision) = options.verified {
        set(PRECISION, precision.name());
    }
    if let Some(license) = &options.license {
        set(LICENCE[0], license);
        set(LICENCE[1], license);
    }
    let element = options.dtype.map(|d| if d == DType::F16 { Element::F16 } else { Element::F32 });
    let mut bytes = 0;
    let mut tensors = Vec::with_capacity(dict.len());
    for key in dict.keys() {
        let (Some(shape), Some(own)) = (dict.shape(key), dict.dtype(key)) else { continue };
        let element = element.filter(|_| own.is_float());
        bytes += shape.iter().product::<usize>() as u64 * element.unwrap_or(own).size() as u64;
        tensors.push((key.to_owned(), shape.to_vec(), Data::From(dict.clone(), key.to_owned(), element)));
    }
    write_safetensors(to, tensors, &metadata, options.overwrite)?;
    Ok(Converted {
        family: model.network().family().to_owned(),
        config,
        assumed,
        tensors: dict.len(),
        parameters: dict.parameters(),
        unwrapped: !stored.keys().eq(dict.keys()),
        license: LICENCE.iter().find_map(|k| metadata.get(*k)).cloned(),
        bytes,
    })
}

fn settings(text: Option<&str>) -> Result<Map<String, Value>> {
    let Some(text) = text else { return Ok(Map::new()) };
    serde_json::from_str(text).map_err(|e| {
        Error::new(Kind::Usage, format!("the configuration '{text}' is no JSON object"))
            .why(e)
            .advice("write it like {\"num_heads\": 12, \"pos_every\": false}")
    })
}
