//! A conformance case: a folder with `case.json` (what is run) and `io.safetensors` (inputs, expected outputs, taps).

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::generate::GeneratedWeights;
use super::store::StateDict;
use crate::base::{Error, Kind, Result};

#[derive(Debug, Clone)]
pub struct Case {
    /// The name of the folder.
    pub name: String,
    pub family: String,
    pub variant: String,
    pub config: Value,
    pub call: Value,
    /// Relative L2 bound in f32; 0 where the case asks for equality.
    pub tolerance_f32: f64,
    /// The bound with half storage; None where it was not measured.
    pub tolerance_f16: Option<f64>,
    /// The bound for what is computed in f64 on the host (samplers).
    pub tolerance_f64: Option<f64>,
    /// The outputs must be equal (tokenizers, codecs).
    pub exact: bool,
    /// Names of the intermediate activations in `io`.
    pub taps: Vec<String>,
    /// `weights.safetensors` where it lies in the folder, else values made by the rule in `case.json`.
    pub weights: StateDict,
    pub io: StateDict,
    /// All of `case.json`, for the keys that only some kinds of case have.
    pub document: Value,
}

impl Case {
    pub fn open(dir: &Path) -> Result<Case> {
        let name = folder_name(dir);
        let path = dir.join("case.json");
        let what = || Error::new(Kind::Checkpoint, format!("case {}", path.display()));
        let text = std::fs::read(&path).map_err(|e| {
            let missing = e.kind() == std::io::ErrorKind::NotFound;
            Error::new(if missing { Kind::ModelMissing } else { Kind::Checkpoint }, format!("case {}", path.display()))
                .why(e)
                .advice("a case is a folder with case.json and io.safetensors")
        })?;
        let mut document: Value = serde_json::from_slice(&text).map_err(|e| what().why(e))?;
        let text_of = |key: &str| {
            let value = document.get(key).and_then(Value::as_str);
            value.map(str::to_string).ok_or_else(|| what().why(format!("'{key}' is missing or no text")))
        };
        let family = text_of("family")?;
        let variant = text_of("variant").unwrap_or_default();
        let object_of = |key: &str| match document.get(key) {
            Some(v) if v.is_object() => Ok(v.clone()),
            _ => Err(what().why(format!("'{key}' is missing or no object"))),
        };
        let (config, call) = (object_of("config")?, object_of("call")?);
        let tolerance = document.get("tolerance").cloned().unwrap_or_default();
        let bound = |key: &str| tolerance.get(key).and_then(Value::as_f64);
        let exact = tolerance.get("exact").and_then(Value::as_bool).unwrap_or(false);
        if bound("rel_l2").is_none() && !exact {
            return Err(what().why("'tolerance' has neither 'rel_l2' nor 'exact'"));
        }
        let taps = document.get("taps").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let taps = taps.iter().filter_map(|t| t.as_str().map(str::to_string)).collect();
        let weights = weights(dir, &name, &family, &config, document.get("weights"))?;
        let io = StateDict::open(&dir.join("io.safetensors"))?;
        let (tolerance_f32, tolerance_f16) = (bound("rel_l2").unwrap_or(0.0), bound("rel_l2_f16"));
        let tolerance_f64 = bound("rel_l2_f64_cpu");
        if let Some(map) = document.as_object_mut() {
            // The list of tensors is the bulk of the file and lives on in `weights`.
            map.remove("weights");
        }
        Ok(Case {
            name,
            family,
            variant,
            config,
            call,
            tolerance_f32,
            tolerance_f16,
            tolerance_f64,
            exact,
            taps,
            weights,
            io,
            document,
        })
    }

    /// The names under `call.inputs`.
    pub fn inputs(&self) -> Vec<&str> {
        self.called("inputs")
    }

    /// The names under `call.outputs`.
    pub fn outputs(&self) -> Vec<&str> {
        self.called("outputs")
    }

    fn called(&self, key: &str) -> Vec<&str> {
        let list = self.call.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        list.iter().filter_map(Value::as_str).collect()
    }
}

/// `.` and `..` have a name only after they are resolved.
fn folder_name(dir: &Path) -> String {
    let resolved = || dir.canonicalize().ok().and_then(|p| p.file_name().map(|n| n.to_string_lossy().into_owned()));
    let name = dir.file_name().map(|n| n.to_string_lossy().into_owned());
    name.or_else(resolved).unwrap_or_else(|| "case".into())
}

fn weights(dir: &Path, name: &str, family: &str, config: &Value, rule: Option<&Value>) -> Result<StateDict> {
    let file = dir.join("weights.safetensors");
    if file.exists() {
        return StateDict::open(&file);
    }
    let rule = rule.ok_or_else(|| {
        Error::new(Kind::Checkpoint, format!("case {name}"))
            .why("it has neither weights.safetensors nor 'weights' in case.json")
    })?;
    let generated = GeneratedWeights::from_json(rule)
        .map_err(|e| Error::new(Kind::Checkpoint, format!("case {name}: {}", e.what())).why(e.reason()))?;
    // The metadata that a converted checkpoint of this network would carry.
    let metadata = BTreeMap::from([
        ("vernis.architecture".to_string(), family.to_string()),
        ("vernis.config".to_string(), config.to_string()),
    ]);
    Ok(StateDict::generated(generated, &format!("{name} (generated)")).with_metadata(metadata))
}

#[cfg(test)]
mod tests {
    use super::super::write::{Data, write_safetensors};
    use super::*;

    fn folder(document: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("case.json"), document).unwrap();
        let io = vec![
            ("input".into(), vec![2], Data::F32(vec![1.0, 2.0])),
            ("ids".into(), vec![1], Data::I64(vec![7])),
            ("trajectory.f64".into(), vec![1], Data::F64(vec![1e-300])),
        ];
        write_safetensors(&dir.path().join("io.safetensors"), io, &BTreeMap::new(), true).unwrap();
        dir
    }

    const GOOD: &str = r#"{"family": "nafnet", "variant": "v", "config": {"width": 4}, "call": {"inputs": ["input"],
        "outputs": ["output"]}, "tolerance": {"rel_l2": 1e-4, "rel_l2_f16": null}, "taps": ["tap.a"],
        "weights": {"seed": 1, "tensors": [{"name": "a", "shape": [3], "lo": 0, "hi": 1}]}}"#;

    #[test]
    fn a_case_is_read() {
        let dir = folder(GOOD);
        let case = Case::open(dir.path()).unwrap();
        assert_eq!((case.family.as_str(), case.tolerance_f32, case.tolerance_f16), ("nafnet", 1e-4, None));
        assert_eq!((case.inputs(), case.outputs(), case.taps.len()), (vec!["input"], vec!["output"], 1));
        assert_eq!(case.weights.f32("a").unwrap().len(), 3);
        assert_eq!(case.weights.metadata()["vernis.config"], r#"{"width":4}"#);
        assert_eq!(case.io.i64("ids").unwrap(), [7]);
        assert_eq!(case.io.f64("trajectory.f64").unwrap(), [1e-300]);
    }

    #[test]
    fn weights_in_the_folder_win() {
        let dir = folder(GOOD);
        let stored = vec![("b".into(), vec![1], Data::F32(vec![9.0]))];
        write_safetensors(&dir.path().join("weights.safetensors"), stored, &BTreeMap::new(), true).unwrap();
        let case = Case::open(dir.path()).unwrap();
        assert_eq!(case.weights.keys().collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn what_is_missing_is_named() {
        let say = |document: &str| Case::open(folder(document).path()).unwrap_err().to_string();
        assert!(say("{}").contains("'family'"));
        assert!(say("{").contains("EOF"));
        assert!(say(&GOOD.replace("\"config\"", "\"konfig\"")).contains("'config'"));
        assert!(say(&GOOD.replace("\"rel_l2\"", "\"l2\"")).contains("rel_l2"));
        assert!(say(&GOOD.replace("\"seed\"", "\"sead\"")).contains("'seed'"));
        let empty = tempfile::tempdir().unwrap();
        assert_eq!(Case::open(empty.path()).unwrap_err().kind(), Kind::ModelMissing);
    }
}
