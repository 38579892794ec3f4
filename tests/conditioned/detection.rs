//! A configuration survives the network and, as far as shapes tell, the checkpoint.

use serde_json::{Value, json};
use vernis::models::registry::{self, Said};
use vernis::run::Model;

use crate::cases;

#[test]
fn a_configuration_survives_the_network() {
    for case in cases() {
        let network = registry::by_name(&case.family, &case.config, &case.weights).expect("a network");
        assert_eq!(sorted(&network.config()), sorted(&case.config), "{}", case.name);
    }
}

fn sorted(value: &Value) -> std::collections::BTreeMap<&str, &Value> {
    value.as_object().expect("an object").iter().map(|(k, v)| (k.as_str(), v)).collect()
}

/// What neither keys nor shapes tell.
fn told(family: &str, mut config: Value, expected: &Value) -> Value {
    if family == "pip" {
        return config;
    }
    // `dim` and `width` are two names of one number, which has a default.
    if !config["dim"].is_null() {
        let own = [&expected["dim"], &expected["width"]].into_iter().find(|v| !v.is_null());
        assert_eq!(config["dim"], *own.unwrap_or(&json!(48)));
        config["dim"] = expected["dim"].clone();
        config["width"] = expected["width"].clone();
    }
    if config["use_prompt"] == json!(false) {
        for (key, value) in expected.as_object().expect("an object") {
            if key.contains("pool") || key.contains("prompt_dim") || key.contains("top_k") {
                config[key] = value.clone();
            }
        }
    }
    config
}

#[test]
fn checkpoints_are_recognised_by_keys_and_shapes() {
    for case in cases() {
        let bare = case.weights.with_metadata(Default::default());
        // How many prompts a query selects is known for the published pools alone; others are asked for.
        let mut said = Said::default();
        let published = case.name.ends_with("-full") || case.family == "pip" || case.config["use_prompt"] == false;
        if !published {
            let asked = registry::network(&bare).expect_err("top_k leaves no trace").to_string();
            for key in ["domain_top_k", "degradation_top_k"].into_iter().filter(|k| !case.config[*k].is_null()) {
                assert!(asked.contains(key), "{}: {asked}", case.name);
                said.config.insert(key.into(), case.config[key].clone());
            }
        }
        let network = registry::network_as(&bare, &said).unwrap_or_else(|e| panic!("{}: {e}", case.name));
        assert_eq!(network.family(), case.family, "{}", case.name);
        let found = told(&case.family, network.config(), &case.config);
        assert_eq!(sorted(&found), sorted(&case.config), "{}", case.name);
    }
}

#[test]
fn a_weight_too_many_or_too_few_refuses_the_load() {
    for case in cases().iter().filter(|c| !c.name.ends_with("-full")) {
        let load = |dict| {
            let network = registry::by_name(&case.family, &case.config, &dict)?;
            Model::with_network(dict, network).map(drop)
        };
        load(case.weights.clone()).expect("the whole checkpoint loads");
        let keys: Vec<String> = case.weights.keys().map(str::to_owned).collect();
        let renamed = case.weights.with_renamed(|k| Some(if k == keys[0] { "stray".into() } else { k.into() }));
        assert!(load(renamed.expect("renamed")).is_err(), "{}", case.name);
        let probe = keys.iter().find(|k| k.contains("prompt")).unwrap_or(&keys[1]);
        let reduced = case.weights.with_renamed(|k| (k != probe).then(|| k.into()));
        let refused = load(reduced.expect("reduced")).expect_err("a weight is missing").to_string();
        assert!(refused.contains(probe.as_str()), "{}: {refused}", case.name);
    }
}
