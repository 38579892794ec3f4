//! IPT: what its keys and shapes tell, and what it refuses.

use std::path::Path;

use serde_json::{Map, Value, json};
use vernis::checkpoint::Case;
use vernis::models::Network as _;
use vernis::models::ipt::Config;
use vernis::models::registry::{self, Said};
use vernis::run::model::Model;

fn cases() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cases");
    let folders = std::fs::read_dir(root).expect("the stored cases").map(|e| e.expect("a folder").path());
    let all: Vec<Case> = folders.map(|f| Case::open(&f).expect("a case")).filter(|c| c.family == "ipt").collect();
    assert!(all.len() >= 8, "only {} cases of ipt are stored", all.len());
    all
}

#[test]
fn the_configuration_is_found_without_metadata_or_asked_for() {
    let mut asked = 0;
    for case in cases() {
        let bare = case.weights.unwrapped().expect("weights").with_metadata(Default::default());
        let expected = Config::parse(&case.config).expect("its configuration");
        // Heads and `pos_every` leave no trace in the weights, nor does the tile where there are no positions.
        let mut config = Map::new();
        let refused = match registry::network(&bare) {
            Ok(_) => String::new(),
            Err(e) => e.to_string(),
        };
        for key in ["num_heads", "pos_every", "patch_size"] {
            if refused.contains(key) {
                config.insert(key.into(), case.config[key].clone());
            }
        }
        assert_eq!(config.is_empty(), case.name == "ipt-full", "{}: {refused}", case.name);
        assert_eq!(config.contains_key("patch_size"), expected.no_pos && expected.no_mlp, "{refused}");
        asked += usize::from(!config.is_empty());
        let found = registry::network_as(&bare, &Said { architecture: None, config }).expect("a network");
        assert_eq!(found.family(), "ipt");
        assert_eq!(Config::parse(&found.config()).expect("a round trip"), expected, "{}", case.name);
    }
    assert!(asked >= 7, "{asked} cases");
}

#[test]
fn heads_that_the_configuration_leaves_out_are_let_be() {
    let many = |case: &Case| case.config["scale"].as_array().is_some_and(|s| s.len() > 1);
    let case = cases().into_iter().find(|c| many(c)).expect("a case with several heads");
    let mut config = case.config.clone();
    config["scale"].as_array_mut().expect("a list").truncate(1);
    let network = Box::new(Config::parse(&config).expect("one head"));
    let dict = case.weights.unwrapped().expect("weights");
    assert!(dict.contains("head.1.0.weight"));
    Model::with_network(dict.clone(), network).expect("the official code loads such a file");
    let misnamed = dict.with_renamed(|key| Some(key.replace("head.0.", "heads.0."))).expect("other names");
    assert!(Model::with_network(misnamed, Box::new(Config::parse(&config).expect("one head"))).is_err());
}

#[test]
fn a_task_without_a_query_is_not_run() {
    let mut config = json!({"scale": [1, 2], "num_queries": 1});
    let tasks = |config: &Value| Config::parse(config).expect("a network").parts().len();
    assert_eq!(tasks(&config), 1);
    config["no_mlp"] = true.into();
    assert_eq!(tasks(&config), 2, "without the MLPs there are no queries either");
}

#[test]
fn configurations_that_cannot_be_are_refused() {
    let say = |change: Value| {
        let mut config = json!({"n_feats": 16, "scale": [1, 2], "num_queries": 2, "patch_size": 24, "num_heads": 4});
        for (key, value) in change.as_object().expect("an object") {
            config[key] = value.clone();
        }
        Config::parse(&config).expect_err("refused").to_string()
    };
    assert!(say(json!({"no_pos": true, "pos_every": true})).contains("pos_every"));
    assert!(say(json!({"num_heads": 7})).contains("num_heads"));
    assert!(say(json!({"scale": [5]})).contains("scale"));
    assert!(say(json!({"patch_dim": 7})).contains("patch_dim"));
    assert!(say(json!({"num_queries": 0})).contains("num_queries"));
    assert!(say(json!({"n_feat": 1})).contains("n_feat"));
    assert!(say(json!({"no_mlp": 3})).contains("no_mlp"));
}
