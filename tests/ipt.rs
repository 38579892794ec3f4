//! IPT: what its keys and shapes tell, and what it refuses.

use std::path::Path;

use serde_json::{Value, json};
use vernis::checkpoint::Case;
use vernis::models::ipt::Config;
use vernis::models::registry;

fn cases() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cases");
    let folders = std::fs::read_dir(root).expect("the stored cases").map(|e| e.expect("a folder").path());
    let all: Vec<Case> = folders.map(|f| Case::open(&f).expect("a case")).filter(|c| c.family == "ipt").collect();
    assert!(all.len() >= 8, "only {} cases of ipt are stored", all.len());
    all
}

#[test]
fn the_configuration_is_found_without_metadata() {
    for case in cases() {
        let bare = case.weights.unwrapped().expect("weights").with_metadata(Default::default());
        let token = Config::parse(&case.config).expect("its configuration").token();
        if !token.is_multiple_of(12) {
            continue;
        }
        let found = registry::network(&bare).expect("a network");
        assert_eq!(found.family(), "ipt");
        let mut expected = Config::parse(&case.config).expect("its configuration");
        // Heads and `pos_every` leave no trace in the weights, nor does the tile where there are no positions.
        expected.num_heads = 12;
        expected.pos_every = false;
        if expected.no_pos && expected.no_mlp {
            expected.patch_size = 48;
        }
        let got = Config::parse(&found.config()).expect("a round trip");
        assert_eq!(got, expected, "{}", case.name);
    }
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
    assert!(say(json!({"num_queries": 1})).contains("num_queries"));
    assert!(say(json!({"n_feat": 1})).contains("n_feat"));
    assert!(say(json!({"no_mlp": 3})).contains("no_mlp"));
}
