//! The wrapper around a carrier. Its configuration is the carrier's with three more keys: `carrier`, `tasks` and
//! `lora_alpha`.

use serde_json::{Value, json};

use super::carrier;
use crate::base::{Error, Kind, Result};
use crate::checkpoint::StateDict;
use crate::checkpoint::adapters::{self, Adapters};
use crate::graph::{Graph, adapt};
use crate::models::{Network, Part, Protocol, Sizes};
use crate::nn::Build;

/// How task weights reach the kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// Not at all: the carrier alone.
    Base,
    /// Built on the device when the tasks change.
    Merged,
    /// Computed beside the carrier for every image.
    Fused,
}

#[derive(Debug)]
pub struct InstructIpt {
    carrier: Box<dyn Network>,
    adapters: Adapters,
    alpha: Option<f64>,
}

pub fn from_config(value: &Value, dict: &StateDict) -> Result<Box<dyn Network>> {
    Ok(Box::new(InstructIpt::parse(value, dict)?))
}

impl InstructIpt {
    pub fn parse(value: &Value, dict: &StateDict) -> Result<InstructIpt> {
        let bad = |why: String| {
            Err(Error::new(Kind::Checkpoint, format!("the configuration of {} is wrong", super::NAME)).why(why))
        };
        let Value::Object(mut rest) = value.clone() else { return bad("it is no JSON object".into()) };
        let name = match rest.remove("carrier") {
            None | Some(Value::Null) => crate::models::restormer::NAME.to_owned(),
            Some(Value::String(name)) => name,
            Some(other) => return bad(format!("carrier is {other}, not a name")),
        };
        let stored = adapters::tasks(dict);
        let tasks = match rest.remove("tasks") {
            None | Some(Value::Null) => stored.clone(),
            Some(Value::Array(list)) => {
                let names: Option<Vec<String>> = list.iter().map(|t| t.as_str().map(str::to_owned)).collect();
                let Some(names) = names else { return bad("tasks is no list of names".into()) };
                names
            }
            Some(other) => return bad(format!("tasks is {other}, not a list")),
        };
        let mut sorted = tasks.clone();
        sorted.sort_unstable();
        if sorted != stored {
            return bad(format!("its tasks are {}, the weights' tasks {}", tasks.join(", "), stored.join(", ")));
        }
        let alpha = match rest.remove("lora_alpha") {
            None | Some(Value::Null) => None,
            Some(v) => match v.as_f64() {
                Some(a) => Some(a),
                None => return bad(format!("lora_alpha is {v}, not a number")),
            },
        };
        let carrier = carrier::by_name(&name, &Value::Object(rest), dict)?;
        // Adapters are named after the modules of the checkpoint, whatever its key layout.
        let adapters = Adapters::read(&carrier.canonical(dict)?, tasks, alpha)?;
        Ok(InstructIpt { carrier, adapters, alpha })
    }

    pub fn carrier(&self) -> &dyn Network {
        self.carrier.as_ref()
    }

    pub fn adapters(&self) -> &Adapters {
        &self.adapters
    }

    /// Words of the set of active tasks in `Part::extra`.
    fn words(&self) -> usize {
        self.adapters.tasks.len().div_ceil(32)
    }

    /// What selects a way and the tasks it is prepared for; `rest` is the carrier's own.
    pub fn extra(&self, way: Way, active: &[usize], rest: &[u32]) -> Vec<u32> {
        let mut words = vec![0; self.words()];
        for task in active {
            if let Some(word) = words.get_mut(task / 32) {
                *word |= 1 << (task % 32);
            }
        }
        let mut out = vec![way as u32];
        out.extend(words);
        out.extend(rest);
        out
    }

    /// The reverse of [`InstructIpt::extra`], with the part that the carrier sees. Nothing at all means the base.
    pub fn select(&self, part: &Part) -> (Way, Vec<usize>, Part) {
        let words = self.words();
        let Some((way, rest)) = part.extra.split_first() else { return (Way::Base, Vec::new(), part.clone()) };
        let way = [Way::Base, Way::Merged, Way::Fused].into_iter().find(|w| *w as u32 == *way).unwrap_or(Way::Base);
        let (set, rest) = rest.split_at(words.min(rest.len()));
        let bit = |t: &usize| set.get(t / 32).is_some_and(|w| w >> (t % 32) & 1 == 1);
        let active = (0..self.adapters.tasks.len()).filter(bit).collect();
        (way, active, Part { extra: rest.to_vec(), ..part.clone() })
    }
}

impl Network for InstructIpt {
    fn family(&self) -> &'static str {
        super::NAME
    }

    fn config(&self) -> Value {
        let mut config = self.carrier.config();
        config["carrier"] = json!(self.carrier.family());
        config["tasks"] = json!(self.adapters.tasks);
        if let Some(alpha) = self.alpha {
            config["lora_alpha"] = json!(alpha);
        }
        config
    }

    fn sizes(&self) -> Sizes {
        self.carrier.sizes()
    }

    fn scale(&self, extra: &[u32]) -> u32 {
        self.carrier.scale(extra.get(1 + self.words()..).unwrap_or_default())
    }

    fn heads(&self) -> Vec<String> {
        self.carrier.heads()
    }

    /// There is no official program: the carrier's.
    fn protocol(&self, task: Option<&str>) -> Protocol {
        self.carrier.protocol(task)
    }

    fn range(&self) -> f32 {
        self.carrier.range()
    }

    fn parts(&self) -> Vec<Part> {
        let base = |p: Part| Part { extra: self.extra(Way::Base, &[], &p.extra), ..p };
        self.carrier.parts().into_iter().map(base).collect()
    }

    fn canonical(&self, dict: &StateDict) -> Result<StateDict> {
        self.carrier.canonical(dict)
    }

    fn build(&self, b: &mut Build<'_>, part: &Part) -> Result<()> {
        self.carrier.build(b, &self.select(part).2)?;
        // Proves the adapters of this graph's modules; one for a module that no part has stays unread and is refused.
        let dict = b.dict();
        let shape = |key: &str| dict.shape(key).map(|s| s.iter().map(|d| *d as u32).collect());
        let used = adapt::prove(&b.graph, &self.adapters, &shape)?;
        b.ignore(|key| used.iter().any(|u| u == key));
        Ok(())
    }

    fn adapt(&self, graph: &mut Graph, part: &Part) -> Result<()> {
        let (way, active, own) = self.select(part);
        self.carrier.adapt(graph, &own)?;
        match way {
            Way::Base => Ok(()),
            Way::Merged => {
                adapt::merge(graph, &self.adapters, &active);
                Ok(())
            }
            Way::Fused => adapt::fuse(graph, &self.adapters, &active, part.n),
        }
    }
}
