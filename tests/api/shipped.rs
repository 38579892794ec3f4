//! The weights of the repository: each has a card, and does what it is picked for.

use std::path::Path;

use vernis::checkpoint::StateDict;
use vernis::run::shipped::{NAMES, SERVES};
use vernis::{Model, TASKS};

fn weights(name: &str, ending: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("weights").join(format!("{name}.{ending}"))
}

fn model(name: &str) -> Model {
    let dict = StateDict::open(&weights(name, "safetensors")).unwrap_or_else(|e| panic!("{name}: {e}"));
    Model::from_dict(dict, name).unwrap_or_else(|e| panic!("{name}: {e}"))
}

#[test]
fn picked_weights_know_their_task() {
    let models: Vec<Model> = NAMES.iter().map(|name| model(name)).collect();
    for (task, names) in SERVES {
        for name in *names {
            let serving = models.iter().find(|m| m.name() == *name);
            assert!(serving.is_some_and(|m| m.can_do(task)), "{name} is picked for {task}");
        }
    }
    assert!(TASKS.iter().map(|t| t.name).eq(SERVES.iter().map(|(task, _)| *task)), "one row a task, in their order");
}

#[test]
fn every_file_has_a_card_and_says_whose_it_is() {
    for name in NAMES {
        let card = std::fs::read_to_string(weights(name, "md")).unwrap_or_else(|e| panic!("{name}.md: {e}"));
        for part in [&format!("# {name}"), "## Figures", "## What fails", "## Training", "Licence"] {
            assert!(card.contains(part), "{name}.md has no `{part}`");
        }
        let info = model(name).info().expect("info");
        assert!(info.license.is_some_and(|l| l.contains("MIT")), "{name}: licence");
        let megabytes = std::fs::metadata(weights(name, "safetensors")).expect("a file").len() as f64 * 1e-6;
        let most = if name == "genlv" { 12.0 } else { 40.0 };
        assert!(megabytes <= most, "{name}: {megabytes} MB");
    }
}
