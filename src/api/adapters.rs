//! Adapters that come in files of their own.

use std::path::Path;

use super::engine::Model;
use crate::base::{Error, Kind, Result};
use crate::checkpoint::StateDict;

/// Names that PEFT gives the files of an adapter's folder.
const WEIGHTS: [&str; 2] = ["adapter_model.safetensors", "adapter_model.bin"];
const SETTINGS: &str = "adapter_config.json";

impl Model {
    /// The model with a low-rank adapter (PEFT) as the task `task`, which instructions can name and blend; on families
    /// that carry no adapters (GenLV, PIP, DATPRL-IR, the diffusion generalist) it becomes part of the weights for good,
    /// and [`Model::tasks`] does not list it. `file` is the
    /// adapter's weights or the folder that holds them; its `adapter_config.json` is read where there is one, else the
    /// products count as they are stored (a factor of 1).
    ///
    /// # Errors
    /// [`Kind::Usage`] for a name that cannot be one, [`Kind::Checkpoint`] if the adapter is not plain LoRA, its
    /// modules or shapes do not fit, or the task exists.
    pub fn attach(self, task: &str, file: &Path) -> Result<Model> {
        let weights = if file.is_dir() {
            let found = WEIGHTS.iter().map(|name| file.join(name)).find(|f| f.exists());
            found.ok_or_else(|| {
                Error::new(Kind::ModelMissing, format!("no adapter in {}", file.display()))
                    .why(format!("looked for {}", WEIGHTS.join(", ")))
            })?
        } else {
            file.to_owned()
        };
        let settings = weights.with_file_name(SETTINGS);
        let settings = match std::fs::read_to_string(&settings) {
            Ok(text) => Some(
                serde_json::from_str(&text)
                    .map_err(|e| Error::new(Kind::Checkpoint, format!("{} is no JSON", settings.display())).why(e))?,
            ),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
            Err(e) => return Err(Error::new(Kind::Checkpoint, settings.display().to_string()).why(e)),
        };
        let inner = self.inner.attach(task, &StateDict::open(&weights)?, settings.as_ref())?;
        Ok(Model { inner, name: self.name, spoken: None, shown: None })
    }
}
