//! The `tasks` block of a checkpoint's configuration: what each task is told to the network, and how its answer is read.

use serde::Deserialize;
use serde_json::Value;

use super::depth;
use super::palette::Palette;
use super::panoptic;
use crate::base::{Error, Kind, Result};

/// How the picture that the network draws is read.
#[derive(Debug, Clone, PartialEq)]
pub enum Codec {
    Rgb,
    Depth(depth::Range),
    Semantic {
        classes: u32,
    },
    Instance {
        instances: u32,
    },
    /// Two pictures: classes, then instances.
    Panoptic {
        classes: u32,
        instances: u32,
        rules: panoptic::Rules,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    pub name: String,
    /// One pass of the sampler for each.
    pub prompts: Vec<String>,
    pub codec: Codec,
    /// Names of the classes for legends; empty where the file has none.
    pub class_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Block {
    prompt: Option<String>,
    prompts: Option<Vec<String>>,
    codec: String,
    classes: Option<u32>,
    instances: Option<u32>,
    things: Option<Vec<i32>>,
    min_instance_area: Option<usize>,
    min_stuff_area: Option<usize>,
    min: Option<f64>,
    max: Option<f64>,
    #[serde(default)]
    class_names: Vec<String>,
}

impl Task {
    /// All tasks of a configuration, in its order.
    pub fn all(block: &Value) -> Result<Vec<Task>> {
        let Some(map) = block.as_object() else {
            return Err(Error::new(Kind::Checkpoint, "the list of tasks").why("it is no object of named tasks"));
        };
        map.iter().map(|(name, value)| Task::from_json(name, value)).collect()
    }

    pub fn from_json(name: &str, block: &Value) -> Result<Task> {
        let bad = |why: String| Error::new(Kind::Checkpoint, format!("the task '{name}'")).why(why);
        let block = Block::deserialize(block).map_err(|e| bad(e.to_string()))?;
        let count = |value: Option<u32>, key: &str| match value {
            Some(count) => Palette::new(count.saturating_add(u32::from(key == "instances"))).map(|_| count),
            None => Err(bad(format!("the codec '{}' needs '{key}'", block.codec))),
        };
        let classes = || count(block.classes, "classes");
        let instances = || count(block.instances, "instances");
        let codec = match block.codec.as_str() {
            "rgb" => Codec::Rgb,
            "depth" => match (block.min, block.max) {
                (Some(min), Some(max)) => Codec::Depth(depth::Range::new(min, max)?),
                _ => return Err(bad("the codec 'depth' needs 'min' and 'max'".into())),
            },
            "semantic" => Codec::Semantic { classes: classes()? },
            "instance" => Codec::Instance { instances: instances()? },
            "panoptic" => {
                let rules = panoptic::Rules {
                    things: block.things.clone().ok_or_else(|| bad("the codec 'panoptic' needs 'things'".into()))?,
                    min_instance_area: block.min_instance_area.unwrap_or(1),
                    min_stuff_area: block.min_stuff_area.unwrap_or(1),
                };
                Codec::Panoptic { classes: classes()?, instances: instances()?, rules }
            }
            other => {
                return Err(bad(format!("the codec '{other}' is not known"))
                    .advice("known are rgb, depth, semantic, instance and panoptic"));
            }
        };
        let prompts = match (block.prompt, block.prompts) {
            (Some(one), None) => vec![one],
            (None, Some(several)) => several,
            _ => return Err(bad("it needs either 'prompt' or 'prompts'".into())),
        };
        let wanted = if matches!(codec, Codec::Panoptic { .. }) { 2 } else { 1 };
        if prompts.len() != wanted {
            return Err(bad(format!("it has {} prompts, expected {wanted}", prompts.len())));
        }
        Ok(Task { name: name.into(), prompts, codec, class_names: block.class_names })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_documented_block_is_read() {
        let block = json!({
            "semantic": {"prompt": "Performance semantic segmentation", "codec": "semantic", "classes": 150},
            "panoptic": {"prompts": ["a", "b"], "codec": "panoptic", "classes": 133, "instances": 63,
                "things": [0, 1], "min_instance_area": 4, "min_stuff_area": 10},
            "depth": {"prompt": "Performance depth estimation", "codec": "depth", "min": 0, "max": 10},
            "derain": {"prompt": "Performance image restoration deraining", "codec": "rgb"}});
        let tasks = Task::all(&block).unwrap();
        let names: Vec<&str> = tasks.iter().map(|t| t.name.as_str()).collect();
        assert_eq!(names, ["semantic", "panoptic", "depth", "derain"]);
        assert_eq!(tasks[0].codec, Codec::Semantic { classes: 150 });
        assert_eq!(tasks[3].codec, Codec::Rgb);
        let Codec::Panoptic { rules, .. } = &tasks[1].codec else { panic!("{:?}", tasks[1]) };
        assert_eq!((rules.min_instance_area, rules.min_stuff_area), (4, 10));
    }

    #[test]
    fn incomplete_tasks_say_what_they_lack() {
        for (block, part) in [
            (json!({"prompt": "p", "codec": "pose"}), "'pose' is not known"),
            (json!({"prompt": "p", "codec": "semantic"}), "needs 'classes'"),
            (json!({"prompt": "p", "codec": "semantic", "classes": 0}), "0 colours"),
            (json!({"prompt": "p", "codec": "depth", "min": 0}), "'min' and 'max'"),
            (json!({"codec": "rgb"}), "'prompt' or 'prompts'"),
            (json!({"prompts": ["a", "b"], "codec": "rgb"}), "2 prompts, expected 1"),
            (json!({"prompt": "p", "codec": "rgb", "colour": 1}), "colour"),
            (json!("rgb"), "invalid type"),
        ] {
            let error = Task::from_json("t", &block).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        assert!(Task::all(&json!([])).is_err());
    }
}
