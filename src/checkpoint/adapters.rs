//! Task adapters by their names: `M.lora_A.<task>.weight` with `M.lora_B.<task>.weight`, and `M.delta.<task>.weight`.
//! These are the names that adapters have in the PEFT convention, so an adapter file of its own can be attached to any
//! checkpoint under a task name.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::StateDict;
use super::low_rank::Term;
use crate::base::{Error, Kind, Result};

/// Metadata: the strength of all adapters, or of the task after the dot.
const ALPHA: &str = "lora_alpha";
/// Metadata: divide alpha by the root of the rank instead of the rank, for the task after the dot.
const ROOT: &str = "use_rslora";

/// The parts of an adapter's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdapterKey<'k> {
    pub module: &'k str,
    /// `lora_A`, `lora_B` or `delta`.
    pub kind: &'k str,
    pub task: &'k str,
}

impl<'k> AdapterKey<'k> {
    pub fn parse(key: &'k str) -> Option<Self> {
        let (stem, task) = key.strip_suffix(".weight")?.rsplit_once('.')?;
        let (module, kind) = stem.rsplit_once('.')?;
        matches!(kind, "lora_A" | "lora_B" | "delta").then_some(AdapterKey { module, kind, task })
    }
}

/// The tasks that the keys name, sorted.
pub fn tasks(dict: &StateDict) -> Vec<String> {
    let names: BTreeSet<&str> = dict.keys().filter_map(|k| Some(AdapterKey::parse(k)?.task)).collect();
    names.into_iter().map(str::to_owned).collect()
}

/// The modules that the keys name.
pub fn modules(dict: &StateDict) -> impl Iterator<Item = &str> {
    dict.keys().filter_map(|k| Some(AdapterKey::parse(k)?.module))
}

/// The checkpoint without its adapters.
pub fn without(dict: &StateDict) -> Result<StateDict> {
    dict.with_renamed(|k| AdapterKey::parse(k).is_none().then(|| k.to_owned()))
}

/// What one task adds to one module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Product(Term),
    /// Key of the full delta.
    Delta(String),
}

impl Part {
    /// Factors it takes from the list of a module: one for each rank.
    pub fn width(&self) -> u32 {
        match self {
            Part::Product(t) => t.rank,
            Part::Delta(_) => 1,
        }
    }
}

/// The adapters of a checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Adapters {
    pub tasks: Vec<String>,
    /// For each adapted module what each task (by number) adds.
    modules: BTreeMap<String, Vec<(usize, Part)>>,
    /// For each task alpha and whether it is divided by the root of the rank.
    strength: Vec<Option<(f64, bool)>>,
}

impl Adapters {
    /// Reads the adapters of `tasks`. `alpha` holds for tasks whose metadata say nothing.
    pub fn read(dict: &StateDict, tasks: Vec<String>, alpha: Option<f64>) -> Result<Adapters> {
        let bad = |what: String, why: &str| Err(Error::new(Kind::Checkpoint, what).why(why));
        let mut modules: BTreeMap<String, Vec<(usize, Part)>> = BTreeMap::new();
        for key in dict.keys() {
            let Some(AdapterKey { module, kind, task }) = AdapterKey::parse(key) else { continue };
            let Some(number) = tasks.iter().position(|t| t == task) else {
                return bad(format!("{key} of {} belongs to no task", dict.name()), &tasks.join(", "));
            };
            let twin = |kind: &str| format!("{module}.{kind}.{task}.weight");
            let part = match kind {
                "delta" => Part::Delta(key.to_owned()),
                "lora_B" if dict.contains(&twin("lora_A")) => continue,
                "lora_A" if dict.contains(&twin("lora_B")) => {
                    let rank = dict.shape(key).and_then(|s| s.first().copied()).unwrap_or(0) as u32;
                    if rank == 0 || rank > 1 << 16 {
                        return bad(format!("the rank of {key} is {rank}"), "expected [rank, in, ...]");
                    }
                    Part::Product(Term { a: key.to_owned(), b: twin("lora_B"), rank })
                }
                _ => return bad(format!("{key} of {} has no partner", dict.name()), "lora_A and lora_B come in pairs"),
            };
            modules.entry(module.to_owned()).or_default().push((number, part));
        }
        modules.values_mut().for_each(|parts| parts.sort_by_key(|p| p.0));
        let metadata = dict.metadata();
        let strength = tasks.iter().map(|task| {
            let own = |key: &str| metadata.get(&format!("{key}.{task}"));
            let alpha = match own(ALPHA).or_else(|| metadata.get(ALPHA)) {
                None => Ok(alpha),
                Some(text) => text.parse::<f64>().ok().filter(|a| a.is_finite()).map(Some).ok_or_else(|| {
                    Error::new(Kind::Checkpoint, format!("the metadata {ALPHA} of {} is no number", dict.name()))
                        .why(text)
                }),
            }?;
            Ok(alpha.map(|a| (a, own(ROOT).is_some_and(|v| v == "true"))))
        });
        let strength = strength.collect::<Result<_>>()?;
        Ok(Adapters { tasks, modules, strength })
    }

    /// What is added to each module.
    pub(super) fn additions(&self) -> impl Iterator<Item = (&str, &(usize, Part))> {
        self.modules.iter().flat_map(|(module, parts)| parts.iter().map(move |part| (module.as_str(), part)))
    }

    /// Adapted modules.
    pub fn modules(&self) -> impl Iterator<Item = &str> {
        self.modules.keys().map(String::as_str)
    }

    /// What the `active` tasks add to the module whose weight is `key`.
    pub fn parts(&self, key: &str, active: &[usize]) -> Vec<(usize, &Part)> {
        let parts = key.strip_suffix(".weight").and_then(|m| self.modules.get(m));
        parts.into_iter().flatten().filter(|(t, _)| active.contains(t)).map(|(t, p)| (*t, p)).collect()
    }

    /// The name of the list of factors that such a module takes: equal lists are shared.
    pub fn factors_name(parts: &[(usize, &Part)]) -> String {
        let names = parts.iter().map(|(task, part)| match part {
            Part::Product(t) => format!("{task}x{}", t.rank),
            Part::Delta(_) => task.to_string(),
        });
        format!("tasks.{}", names.collect::<Vec<_>>().join("."))
    }

    /// Every list of factors under its name, for tasks weighted by `weights`.
    pub fn factors(&self, active: &[usize], weights: &[f32]) -> BTreeMap<String, Vec<f32>> {
        let mut out = BTreeMap::new();
        for module in self.modules.values() {
            let parts: Vec<_> = module.iter().filter(|(t, _)| active.contains(t)).map(|(t, p)| (*t, p)).collect();
            if parts.is_empty() {
                continue;
            }
            let values = parts.iter().flat_map(|(task, part)| {
                let weight = weights.get(*task).copied().unwrap_or(0.0) * self.strength_of(*task, part);
                std::iter::repeat_n(weight, part.width() as usize)
            });
            out.entry(Adapters::factors_name(&parts)).or_insert_with(|| values.collect());
        }
        out
    }

    pub(super) fn strength_of(&self, task: usize, part: &Part) -> f32 {
        match (part, self.strength.get(task).copied().flatten()) {
            (Part::Product(t), Some((alpha, root))) => {
                let rank = f64::from(t.rank);
                (alpha / if root { rank.sqrt() } else { rank }) as f32
            }
            _ => 1.0,
        }
    }
}

/// The checkpoint with the adapter file `adapter` under the name `task`. `config` is its adapter_config.json.
pub fn attach(dict: &StateDict, task: &str, adapter: &StateDict, config: Option<&Value>) -> Result<StateDict> {
    if tasks(dict).iter().any(|t| t == task) {
        return Err(unfit(adapter, task, "the checkpoint has a task of this name".into()).advice("choose another name"));
    }
    dict.joined(&named(task, adapter, config)?)
}

/// An adapter file with the names and metadata that it has in a checkpoint.
pub fn named(task: &str, adapter: &StateDict, config: Option<&Value>) -> Result<StateDict> {
    if task.is_empty() || task.contains(['.', '=', ',']) {
        return Err(Error::new(Kind::Usage, format!("'{task}' cannot name a task"))
            .why("a task name has no dots, commas or equals signs"));
    }
    if let Some(why) = config.and_then(unsupported) {
        return Err(unfit(adapter, task, why));
    }
    let renamed = adapter.with_renamed(|key| rename(key, task))?;
    if let Some(odd) = adapter.keys().find(|k| rename(k, task).is_none()) {
        return Err(unfit(adapter, task, format!("{odd} is neither lora_A nor lora_B of a module"))
            .advice("only low-rank adapters (LoRA) can be attached"));
    }
    let mut metadata = BTreeMap::new();
    // Alpha counts only where a configuration states it; the keys alone mean a factor of one.
    if let Some(alpha) = config.and_then(|c| c.get(ALPHA)) {
        let number = alpha.as_f64().filter(|a| a.is_finite());
        let number =
            number.ok_or_else(|| unfit(adapter, task, format!("its {ALPHA} is {alpha}, which is no number")))?;
        metadata.insert(format!("{ALPHA}.{task}"), number.to_string());
    }
    if config.and_then(|c| c.get(ROOT)).and_then(Value::as_bool) == Some(true) {
        metadata.insert(format!("{ROOT}.{task}"), "true".into());
    }
    Ok(renamed.with_metadata(metadata))
}

/// The error for an adapter that cannot become the task `task`.
pub(super) fn unfit(adapter: &StateDict, task: &str, why: String) -> Error {
    Error::new(Kind::Checkpoint, format!("{} cannot be attached as {task}", adapter.name())).why(why)
}

/// The key in a joined checkpoint; PEFT wraps modules and may name its adapter.
fn rename(key: &str, task: &str) -> Option<String> {
    let key = key.strip_prefix("base_model.model.").unwrap_or(key);
    let stem = key.strip_suffix(".weight")?;
    let stem = [stem, stem.rsplit_once('.').map_or("", |(s, _)| s)]
        .into_iter()
        .find(|s| s.ends_with(".lora_A") || s.ends_with(".lora_B"))?;
    Some(format!("{stem}.{task}.weight"))
}

/// The setting of a PEFT configuration whose effect is not implemented, if there is one.
fn unsupported(config: &Value) -> Option<String> {
    let kind = config.get("peft_type").and_then(Value::as_str).unwrap_or("LORA");
    if kind != "LORA" {
        return Some(format!("it is of the type {kind}, not LORA"));
    }
    let on = |key: &str| match config.get(key) {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::String(s)) => !matches!(s.as_str(), "" | "none"),
        Some(Value::Array(a)) => !a.is_empty(),
        Some(Value::Object(o)) => !o.is_empty(),
        Some(_) => true,
    };
    let keys = ["use_dora", "bias", "fan_in_fan_out", "alpha_pattern", "modules_to_save", "lora_bias"];
    keys.into_iter().find(|k| on(k)).map(|k| format!("its setting {k} changes more than low-rank products"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::GeneratedWeights;
    use serde_json::json;

    fn dict(keys: &[(&str, &[usize])]) -> StateDict {
        let tensors: Vec<Value> = keys.iter().map(|(k, s)| json!({"name": k, "shape": s, "lo": -1, "hi": 1})).collect();
        let rule = GeneratedWeights::from_json(&json!({"seed": 1, "tensors": tensors})).unwrap();
        StateDict::generated(rule, "test")
    }

    fn base() -> StateDict {
        dict(&[("a.weight", &[4, 8]), ("a.lora_A.rain.weight", &[2, 8]), ("a.lora_B.rain.weight", &[4, 2])])
    }

    #[test]
    fn keys_are_taken_apart() {
        let key = AdapterKey::parse("x.0.qkv.lora_A.rain.weight").unwrap();
        assert_eq!((key.module, key.kind, key.task), ("x.0.qkv", "lora_A", "rain"));
        assert!(AdapterKey::parse("x.0.qkv.weight").is_none());
        assert!(AdapterKey::parse("lora_A.rain.weight").is_none());
        assert_eq!(tasks(&base()), ["rain"]);
        assert_eq!(without(&base()).unwrap().keys().collect::<Vec<_>>(), ["a.weight"]);
    }

    #[test]
    fn an_adapter_file_is_attached_under_a_name() {
        let file = dict(&[
            ("base_model.model.a.lora_A.weight", &[4, 8]),
            ("base_model.model.a.lora_B.default.weight", &[4, 4]),
        ]);
        let both = attach(&base(), "snow", &file, Some(&json!({"lora_alpha": 8, "r": 4, "bias": "none"}))).unwrap();
        assert_eq!(tasks(&both), ["rain", "snow"]);
        let adapters = Adapters::read(&both, tasks(&both), None).unwrap();
        let factors = adapters.factors(&[0, 1], &[0.25, 0.5]);
        assert_eq!(factors["tasks.0x2.1x4"], [0.25, 0.25, 1.0, 1.0, 1.0, 1.0]);
        assert_eq!(adapters.factors(&[1], &[0.0, 1.0])["tasks.1x4"], [2.0; 4]);
    }

    #[test]
    fn what_is_no_plain_adapter_is_refused() {
        let odd = dict(&[("base_model.model.a.lora_magnitude_vector.weight", &[4])]);
        assert!(attach(&base(), "snow", &odd, None).unwrap_err().to_string().contains("lora_magnitude_vector"));
        let good = dict(&[("a.lora_A.weight", &[4, 8]), ("a.lora_B.weight", &[4, 4])]);
        let say = |task: &str, c: Value| attach(&base(), task, &good, Some(&c)).unwrap_err().to_string();
        assert!(say("snow", json!({"use_dora": true})).contains("use_dora"));
        assert!(say("snow", json!({"peft_type": "IA3"})).contains("IA3"));
        assert!(say("rain", json!({})).contains("of this name"));
        assert!(say("a.b", json!({})).contains("cannot name"));
        let lone = dict(&[("a.lora_A.rain.weight", &[2, 8])]);
        assert!(Adapters::read(&lone, vec!["rain".into()], None).unwrap_err().to_string().contains("partner"));
    }
}
