//! Settings that the official code cannot run, and keys that nobody knows, are refused with their reason.

use serde_json::{Value, json};
use vernis::models::registry;

use crate::cases;

fn refused(name: &str, change: impl Fn(&mut Value)) -> String {
    let case = cases().into_iter().find(|c| c.name == name).expect("the case");
    let mut config = case.config.clone();
    change(&mut config);
    match registry::by_name(&case.family, &config, &case.weights) {
        Ok(network) => panic!("{} was accepted", network.config()),
        Err(e) => e.to_string(),
    }
}

#[test]
fn pip_names_what_the_official_code_cannot_run() {
    let settings = [
        ("prompt_interaction_mode", json!("promptir"), "called with two"),
        ("prompt_interaction_mode", json!("other"), "there is no such mode"),
        ("decoder", json!(false), "only with a decoder"),
        ("use_detask_label", json!(false), "class label"),
        ("use_CLIP_prompt", json!(true), "text features"),
        ("use_SAM_prompt", json!(true), "no implementation"),
        ("use_degradation_sensor", json!(true), "raises"),
        ("dim", json!(64), "dim 48"),
        ("out_channels", json!(1), "added to the input"),
        ("low_prompt_dims", json!([31, 64, 128]), "two heads"),
        ("degradation_nums", json!(5), "degradation_nums"),
    ];
    for (key, value, why) in settings {
        let e = refused("pip-convgate", |c| c[key] = value.clone());
        assert!(e.contains(why), "{key}: {e}");
    }
    assert!(refused("pip-convgate", |c| c["prompt_interaction_mode"] = json!("promptir")).contains("convgate"));
}

#[test]
fn datprl_names_what_is_wrong() {
    let settings = [
        ("class", json!("Other"), "DualPromptNAFNetv3"),
        ("fusion_method", json!("add"), "adaptive_modulation"),
        ("prompt_fusion_method", json!("add"), "cross_attention"),
        ("domain_top_k", json!(8), "cannot keep 8"),
        ("degradation_prompt_dim", json!(40), "one width"),
        ("pool_size", json!(3), "pool_size"),
    ];
    for (key, value, why) in settings {
        let e = refused("datprl-dual-cross-cross", |c| c[key] = value.clone());
        assert!(e.contains(why), "{key}: {e}");
    }
}
