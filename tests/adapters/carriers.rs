//! Adapters made up for the stored networks of every carrier: detection finds carrier and tasks, and both ways agree.

use serde_json::json;
use vernis::base::Shape;
use vernis::checkpoint::generate::GeneratedWeights;
use vernis::checkpoint::{Case, StateDict};
use vernis::models::{instruct_ipt, registry};

use crate::distances::SAME;
use crate::ways::compare;
use crate::{gpu, stored};

const TASKS: [&str; 2] = ["rain", "snow"];

/// `weights` with adapters for every convolution and linear layer; the ranks differ.
pub fn adapted(weights: &StateDict) -> StateDict {
    let mut tensors = Vec::new();
    let mut add = |name: String, shape: Vec<usize>, size: f64| {
        tensors.push(json!({"name": name, "shape": shape, "lo": -size, "hi": size}));
    };
    let layers = weights.keys().filter(|k| !k.contains("embed") || k.contains("patch_embed"));
    for (i, key) in layers.filter(|k| !k.contains("position")).enumerate() {
        let (Some(module), Some(shape)) = (key.strip_suffix(".weight"), weights.shape(key)) else { continue };
        for (t, task) in TASKS.iter().enumerate() {
            match *shape {
                [c, 1, h, w] if c > 1 && h > 1 => {
                    add(format!("{module}.delta.{task}.weight"), vec![c, 1, h, w], 0.1);
                }
                [out, inputs, ref taps @ ..] => {
                    let rank = 1 + (i + t) % 5;
                    let tail: Vec<usize> = taps.to_vec();
                    let fan = (inputs * taps.iter().product::<usize>()) as f64;
                    let ones = vec![1; tail.len()];
                    add(
                        format!("{module}.lora_A.{task}.weight"),
                        [vec![rank, inputs], tail].concat(),
                        0.5 / fan.sqrt(),
                    );
                    add(format!("{module}.lora_B.{task}.weight"), [vec![out, rank], ones].concat(), 0.5);
                }
                _ => {}
            }
        }
    }
    let rule = GeneratedWeights::from_json(&json!({"seed": 7, "tensors": tensors})).expect("a rule");
    weights.joined(&StateDict::generated(rule, "adapters")).expect("no common names")
}

fn picture(case: &Case) -> Shape {
    match *case.io.shape("input").expect("an input") {
        [_, c, h, w] => Shape::new(1, h as u32, w as u32, c as u32),
        ref other => panic!("an input of shape {other:?}"),
    }
}

#[test]
fn every_carrier_in_both_ways() {
    let gpu = gpu();
    let mut count = 0;
    for folder in stored() {
        let case = Case::open(&folder).expect("a case");
        let carrier = ["restormer", "nafnet", "xrestormer", "ipt"].contains(&case.family.as_str());
        let network_alone = case.call.get("forward").is_none_or(|f| f == "network");
        if !carrier || !network_alone || case.weights.parameters() > 2_000_000 {
            continue;
        }
        let dict = adapted(&case.weights.unwrapped().expect("weights"));
        let mut config = case.config.clone();
        config["carrier"] = json!(case.family);
        let images = [vec![0.6, 0.4], vec![0.0, 1.0]];
        let difference = compare(&gpu, &dict, &config, &picture(&case), &images);
        // Some of these networks amplify rounding: the official code in f32 is this far from itself in f64.
        let own = case.document["float32_rel_l2"].as_f64().unwrap_or(0.0);
        assert!(difference <= (5.0 * own).max(SAME), "{}: {difference:.2e}", case.name);
        count += 1;
    }
    assert!(count >= 5, "only {count} carriers were stored");
}

#[test]
fn carrier_and_tasks_are_found_without_metadata() {
    let mut found = Vec::new();
    for folder in stored() {
        let case = Case::open(&folder).expect("a case");
        let bare = case.weights.unwrapped().expect("weights").with_metadata(Default::default());
        if case.family == instruct_ipt::NAME {
            if case.config["carrier"] == "ipt" {
                // Its heads leave no trace: they are asked for, not guessed.
                let asked = registry::network(&bare).expect_err("a question").to_string();
                assert!(asked.contains("num_heads"), "{asked}");
                continue;
            }
            let network = registry::network(&bare).expect("a network");
            assert_eq!((network.family(), &network.config()["carrier"]), (instruct_ipt::NAME, &case.config["carrier"]));
            let again = registry::by_name(network.family(), &network.config(), &bare).expect("the same");
            assert_eq!(again.config(), network.config());
            found.push(case.name);
        }
    }
    assert_eq!(found.len(), 3, "{found:?}");
}

#[test]
fn an_adapter_of_no_module_is_refused() {
    let case = crate::case("instruct-ipt-conv1x1");
    let stray = |name: &str, shape: &[usize]| json!({"name": name, "shape": shape, "lo": -1, "hi": 1});
    let refuse = |tensors: Vec<serde_json::Value>| {
        let rule = GeneratedWeights::from_json(&json!({"seed": 1, "tensors": tensors})).expect("a rule");
        let bare = case.weights.with_metadata(Default::default());
        let dict = bare.joined(&StateDict::generated(rule, "stray")).expect("joined");
        vernis::run::Model::new(dict).err().expect("refused").to_string()
    };
    let pair = |module: &str, a: &[usize], b: &[usize]| {
        vec![stray(&format!("{module}.lora_A.derain.weight"), a), stray(&format!("{module}.lora_B.derain.weight"), b)]
    };
    assert!(refuse(pair("encoder_level9.0.attn.qkv", &[4, 16, 1, 1], &[48, 4, 1, 1])).contains("encoder_level9"));
    assert!(refuse(pair("output", &[4, 99, 3, 3], &[3, 4, 1, 1])).contains("wrong shape"));
    assert!(refuse(vec![stray("output.lora_A.derain.weight", &[4, 32, 3, 3])]).contains("no partner"));
}
