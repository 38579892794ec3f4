//! Which of a checkpoint's own tasks an instruction means.

use crate::base::{Error, Kind, Result, task};
use crate::diffusion::codecs::task::{Codec, Task};
use crate::text::instruction::{names_a_task, understand};

/// Words that ask for a map, by the kind of its codec.
const WORDS: [(&str, &[&str]); 4] = [
    ("depth", &["depth", "distance", "distances"]),
    ("semantic", &["semantic", "semantically"]),
    ("instance", &["instance", "instances"]),
    ("panoptic", &["panoptic"]),
];

/// Words that ask for one of several kinds of map.
const SEGMENT: [&str; 5] = ["segment", "segments", "segmented", "segmenting", "segmentation"];

/// With these a sentence may mean the opposite.
const NEGATIONS: [&str; 8] = ["not", "no", "never", "don't", "dont", "without", "except", "nothing"];

fn kind(codec: &Codec) -> &'static str {
    match codec {
        Codec::Rgb => "rgb",
        Codec::Depth(_) => "depth",
        Codec::Semantic { .. } => "semantic",
        Codec::Instance { .. } => "instance",
        Codec::Panoptic { .. } => "panoptic",
    }
}

fn names(tasks: &[Task]) -> String {
    tasks.iter().map(|t| t.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn refused(what: String, why: &str, tasks: &[Task]) -> Error {
    Error::new(Kind::Usage, what).why(why).advice(format!("use --task with one of {}", names(tasks)))
}

/// Whether the checkpoint's task `own` is what `wanted` names: by the same word, or by aliases of one task.
fn same(own: &str, wanted: &str) -> bool {
    let known = |name: &str| task::find(name).map(|t| t.name);
    own.eq_ignore_ascii_case(wanted) || known(own).is_ok_and(|a| known(wanted) == Ok(a))
}

/// The task of this name.
pub fn by_name(tasks: &[Task], name: &str) -> Result<Task> {
    if name.contains(['=', ',']) {
        let why = "a drawing answers one prompt; tasks are not blended";
        return Err(refused(format!("the checkpoint cannot follow `{name}`"), why, tasks));
    }
    let exact = tasks.iter().find(|t| t.name.eq_ignore_ascii_case(name.trim()));
    exact.or_else(|| tasks.iter().find(|t| same(&t.name, name.trim()))).cloned().ok_or_else(|| {
        refused(format!("the checkpoint has no task {name}"), &format!("its tasks are {}", names(tasks)), tasks)
    })
}

/// The one task of a checkpoint that has no other.
pub fn only(tasks: &[Task]) -> Result<Task> {
    match tasks {
        [one] => Ok(one.clone()),
        [] => Err(Error::new(Kind::Checkpoint, "the checkpoint lists no tasks")
            .why("its configuration has no `tasks`, so nothing says how its drawings are read")
            .advice("add a `tasks` block to the configuration in its metadata")),
        _ => Err(refused("the checkpoint must be told its task".into(), "it knows several", tasks)),
    }
}

fn words(sentence: &str) -> Vec<String> {
    let lower = sentence.to_lowercase().replace('\u{2019}', "'");
    let parts = lower.split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '-');
    parts.map(str::to_owned).collect()
}

/// The one kind of map that a sentence names, whichever checkpoint draws it.
pub fn map_in(sentence: &str) -> Option<&'static str> {
    let said = words(sentence);
    let named = |list: &[&str]| said.iter().any(|w| list.contains(&w.as_str()));
    let mut kinds = WORDS.iter().filter(|(_, list)| named(list)).map(|(kind, _)| *kind);
    kinds.next().filter(|_| kinds.next().is_none())
}

/// The task that a plain sentence asks for, and what was understood.
pub fn by_words(tasks: &[Task], sentence: &str) -> Result<(Task, String)> {
    let what = || format!("the instruction \"{}\"", sentence.trim());
    let spoken = |t: &&Task| matches!(&t.prompts[..], [one] if one.eq_ignore_ascii_case(sentence.trim()));
    if let Some(task) = tasks.iter().find(spoken) {
        return Ok((task.clone(), format!("the prompt of {}", task.name)));
    }
    let said = words(sentence);
    let has = |list: &[&str]| said.iter().find(|w| list.contains(&w.as_str())).map(String::as_str);
    let named = |t: &Task| {
        let words = WORDS.iter().find(|(k, _)| *k == kind(&t.codec)).map_or(&[][..], |(_, words)| *words);
        has(words).or_else(|| has(&[t.name.to_lowercase().as_str()]))
    };
    let mut heard: Vec<(&Task, String)> = tasks.iter().filter_map(|t| Some((t, named(t)?.to_owned()))).collect();
    if heard.is_empty()
        && let Some(word) = has(&SEGMENT)
    {
        heard = tasks
            .iter()
            .filter(|t| ["semantic", "instance", "panoptic"].contains(&kind(&t.codec)))
            .map(|t| (t, word.to_owned()))
            .collect();
    }
    if !heard.is_empty() && has(&NEGATIONS).is_some() {
        return Err(refused(what(), "it says what is not wanted, which could mean the opposite", tasks));
    }
    match understand(sentence) {
        // A guess at a sentence without a word for damage, and a map is named.
        Ok(_) if !heard.is_empty() && !names_a_task(sentence) => {}
        Ok(understood) => {
            for one in &understood.heard {
                let own = tasks.iter().find(|t| same(&t.name, one.task.name())).ok_or_else(|| {
                    refused(what(), &format!("\"{}\" asks for {}, which it has not", one.words, one.task.name()), tasks)
                })?;
                if heard.iter().all(|(t, _)| t.name != own.name) {
                    heard.push((own, one.words.clone()));
                }
            }
        }
        Err(e) if heard.is_empty() || names_a_task(sentence) => return Err(refused(what(), e.reason(), tasks)),
        Err(_) => {}
    }
    match &heard[..] {
        [(task, words)] => Ok(((*task).clone(), format!("\"{words}\" -> {}", task.name))),
        many => {
            let list: Vec<&str> = many.iter().map(|(t, _)| t.name.as_str()).collect();
            Err(refused(what(), &format!("it could ask for {}", list.join(", ")), tasks))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tasks() -> Vec<Task> {
        Task::all(&json!({
            "semantic": {"prompt": "Performance semantic segmentation", "codec": "semantic", "classes": 150},
            "panoptic": {"prompts": ["Performance semantic segmentation", "Performance instance segmentation"],
                "codec": "panoptic", "classes": 133, "instances": 63, "things": [0]},
            "depth": {"prompt": "Performance depth estimation", "codec": "depth", "min": 0, "max": 10},
            "derain": {"prompt": "Performance image restoration deraining", "codec": "rgb"},
            "light": {"prompt": "Performance image restoration light enhancement", "codec": "rgb"},
            "noise": {"prompt": "Performance image restoration denoising", "codec": "rgb"}}))
        .unwrap()
    }

    #[test]
    fn a_sentence_names_one_map() {
        assert_eq!(map_in("Estimate the depth of this room."), Some("depth"));
        assert_eq!(map_in("a panoptic map"), Some("panoptic"));
        assert_eq!(map_in("semantic and depth"), None);
        assert_eq!(map_in("remove the rain"), None);
    }

    #[test]
    fn names_and_aliases_find_the_checkpoints_own() {
        for (wanted, own) in [("depth", "depth"), ("Derain", "derain"), ("rain", "derain"), ("denoise", "noise")] {
            assert_eq!(by_name(&tasks(), wanted).unwrap().name, own);
        }
        for (wanted, part) in [("edges", "its tasks are semantic, panoptic"), ("derain=0.5,noise=0.5", "not blended")] {
            let error = by_name(&tasks(), wanted).unwrap_err();
            assert!(error.kind() == Kind::Usage && error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn sentences_name_one_task() {
        for (said, own) in [
            ("estimate the depth of this photo", "depth"),
            ("Performance semantic segmentation", "semantic"),
            ("make a panoptic map, please", "panoptic"),
            ("give me a depth map", "depth"),
            ("please get rid of the rain", "derain"),
            ("remove the noise", "noise"),
        ] {
            assert_eq!(by_words(&tasks(), said).unwrap_or_else(|e| panic!("{said}: {e}")).0.name, own, "{said}");
        }
        assert!(by_words(&tasks(), "remove the rain").unwrap().1.contains("-> derain"));
    }

    #[test]
    fn unclear_sentences_are_refused() {
        for (said, part) in [
            ("segment this", "semantic, panoptic"),
            ("remove the rain and show the depth", "--task"),
            ("do not estimate the depth", "opposite"),
            ("remove the fog", "dehaze"),
            ("hello there", "--task"),
            ("", "empty"),
        ] {
            let error = by_words(&tasks(), said).unwrap_err();
            assert!(error.kind() == Kind::Usage && error.to_string().contains(part), "{said}: {error}");
        }
    }

    #[test]
    fn one_task_needs_no_instruction() {
        let all = tasks();
        assert_eq!(only(&all[2..3]).unwrap().name, "depth");
        assert_eq!(only(&all).unwrap_err().kind(), Kind::Usage);
        assert_eq!(only(&[]).unwrap_err().kind(), Kind::Checkpoint);
    }
}
