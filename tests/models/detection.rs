//! A checkpoint without metadata tells its family and configuration by its keys and shapes.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use vernis::checkpoint::StateDict;
use vernis::models::registry::{self, Said};
use vernis::run::model::Model;

use crate::support::fake::checkpoint;
use crate::support::generalist;
use crate::support::nets;

/// A configuration with some settings changed.
fn with(base: Value, changes: Value) -> Value {
    let mut out = base;
    for (k, v) in changes.as_object().unwrap() {
        out[k] = v.clone();
    }
    out
}

fn configs() -> Vec<(&'static str, Value)> {
    let restormer = nets::restormer;
    let xrestormer = nets::xrestormer;
    let genlv = nets::genlv;
    let nafnet = nets::nafnet;
    let mut out = Vec::new();
    for changes in [
        json!({}),
        json!({"bias": true, "LayerNorm_type": "BiasFree"}),
        json!({"dim": 48, "num_blocks": [4, 6, 6, 8], "heads": [1, 2, 4, 8], "num_refinement_blocks": 4}),
        json!({"ffn_expansion_factor": 2.0, "heads": [2, 4, 1, 6]}),
        json!({"ffn_expansion_factor": 4.0, "num_refinement_blocks": 3}),
        json!({"inp_channels": 6, "dual_pixel_task": true}),
        json!({"inp_channels": 1, "out_channels": 1}),
    ] {
        out.push(("restormer", with(restormer(), changes)));
    }
    for changes in [
        json!({}),
        json!({"width": 32, "middle_blk_num": 12, "enc_blk_nums": [2, 2, 4, 8], "dec_blk_nums": [2, 2, 2, 2]}),
        json!({"enc_blk_nums": [1, 1, 1, 28], "dec_blk_nums": [1, 1, 1, 1]}),
        json!({"enc_blk_nums": [3], "dec_blk_nums": [0]}),
        json!({"enc_blk_nums": [0, 2], "dec_blk_nums": [1, 0]}),
        json!({"width": 2, "enc_blk_nums": [1, 0, 0, 0, 0, 0, 0], "dec_blk_nums": [0, 0, 0, 0, 0, 0, 1]}),
        json!({"img_channel": 1}),
    ] {
        out.push(("nafnet", with(nafnet(), changes)));
    }
    for changes in [
        json!({}),
        json!({"dim": 48, "num_blocks": [2, 4, 4, 4], "channel_heads": [1, 2, 4, 8], "spatial_heads": [1, 2, 4, 8],
            "window_size": 8, "spatial_dim_head": 16, "bias": false, "LayerNorm_type": "WithBias",
            "ffn_expansion_factor": 2.66, "num_refinement_blocks": 4}),
        json!({"dim": 44, "spatial_dim_head": 20, "window_size": 8, "channel_heads": [1, 2, 4, 4]}),
    ] {
        out.push(("xrestormer", with(xrestormer(), changes)));
    }
    for changes in [
        json!({}),
        json!({"dim": 48, "num_blocks": [2, 4, 4, 4], "heads": [1, 2, 4, 8], "window_size": 8,
            "prompt_encoder_nf": 32, "num_refinement_blocks": 4}),
        json!({"dim": 16, "prompt_encoder_nf": 64, "bias": true}),
        json!({"LayerNorm_type": "BiasFree", "ffn_expansion_factor": 2.0}),
    ] {
        out.push(("genlv", with(genlv(), changes)));
    }
    let mut no_prompt = with(genlv(), json!({"class": "XRestormer"}));
    no_prompt.as_object_mut().unwrap().remove("prompt_encoder_nf");
    out.push(("genlv", no_prompt));
    out
}

#[test]
fn family_and_configuration_survive_the_round_trip() {
    for (family, config) in configs() {
        let dict = checkpoint(family, &config);
        let network = registry::network(&dict).unwrap_or_else(|e| panic!("{family} {config}: {e}"));
        assert_eq!(network.family(), family, "{config}");
        let given = registry::by_name(family, &config, &dict).unwrap().config();
        assert_eq!(network.config(), given, "{family}");
        for (key, value) in config.as_object().unwrap() {
            assert_eq!(&given[key], value, "{family} {key}");
        }
    }
}

#[test]
fn a_detected_network_reads_every_weight() {
    for (family, config) in configs() {
        Model::new(checkpoint(family, &config)).unwrap_or_else(|e| panic!("{family} {config}: {e}"));
    }
}

#[test]
fn wrappers_of_training_programs_are_understood() {
    for prefix in ["module.", "params_ema.", "params.", "state_dict.", "model."] {
        let dict = checkpoint("nafnet", &nets::nafnet());
        let wrapped = dict.with_renamed(|k| Some(format!("{prefix}{k}"))).unwrap();
        let model = Model::new(wrapped).unwrap_or_else(|e| panic!("{prefix}: {e}"));
        assert_eq!(model.network().family(), "nafnet");
    }
}

/// What was guessed is said, unless somebody told it.
#[test]
fn settings_without_a_trace_are_listed() {
    let listed = |dict: &StateDict, said: Value| {
        let network = registry::network(dict).unwrap();
        registry::assumed(dict, network.as_ref(), said.as_object().unwrap())
    };
    let dict = checkpoint("xrestormer", &nets::xrestormer());
    let all = listed(&dict, json!({}));
    assert_eq!(all.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), ["scale", "overlap_ratio"]);
    assert_eq!(all[0].1, "1");
    assert_eq!(listed(&dict, json!({"scale": 1})), all[1..]);
    let metadata = BTreeMap::from([
        ("vernis.architecture".to_owned(), "xrestormer".to_owned()),
        ("vernis.config".to_owned(), nets::xrestormer().to_string()),
    ]);
    assert_eq!(listed(&dict.with_metadata(metadata), json!({})), []);
    let unet = generalist::case("ldm-unet-small-sd").weights.with_metadata(BTreeMap::new());
    let heads = listed(&unet, json!({}));
    assert_eq!(heads[0].0, "num_heads", "{heads:?}");
}

/// The three networks are recognised by their prefixes; how they are sampled and what they can be told is asked for.
#[test]
fn a_generalist_without_metadata_asks_for_what_shapes_do_not_show() {
    let case = generalist::case("diffusion-generalist-tiny");
    let bare = case.weights.with_metadata(BTreeMap::new());
    let error = registry::network(&bare).unwrap_err().to_string();
    assert!(error.contains("diffusion") && error.contains("tasks") && error.contains("--config"), "{error}");
    let settings = json!({"diffusion": case.config["diffusion"], "tasks": generalist::tasks(),
        "target_size": [16, 16], "cond_size": [64, 64]});
    let said = Said { architecture: None, config: settings.as_object().unwrap().clone() };
    let network = registry::network_as(&bare, &said).unwrap();
    assert_eq!(network.family(), "diffusion-generalist");
    let config = network.config();
    assert_eq!(config["unet"]["attention"], case.config["unet"]["attention"]);
    assert_eq!(config["image_encoder"]["dims"], case.config["image_encoder"]["dims"]);
    Model::with_network(bare, network).unwrap();
}

#[test]
fn metadata_wins_over_shapes() {
    let local = with(nets::nafnet(), json!({"train_size": [1, 3, 64, 64], "fast_imp": false}));
    let metadata = BTreeMap::from([
        ("vernis.architecture".to_owned(), "nafnet".to_owned()),
        ("vernis.config".to_owned(), local.to_string()),
    ]);
    let dict = checkpoint("nafnet", &local).with_metadata(metadata.clone());
    assert_eq!(registry::network(&dict).unwrap().config(), local);
    let bare = |change: &dyn Fn(&mut BTreeMap<String, String>)| {
        let mut m = metadata.clone();
        change(&mut m);
        registry::network(&checkpoint("nafnet", &local).with_metadata(m))
    };
    let detected = bare(&|m| drop(m.remove("vernis.config"))).unwrap();
    assert_eq!(detected.config(), nets::nafnet());
    let unknown = bare(&|m| drop(m.insert("vernis.architecture".into(), "nofnet".into()))).unwrap_err().to_string();
    assert!(unknown.contains("nofnet") && unknown.contains("nafnet"), "{unknown}");
    let broken = bare(&|m| drop(m.insert("vernis.config".into(), "{".into()))).unwrap_err().to_string();
    assert!(broken.contains("vernis.config"), "{broken}");
    let lying = bare(&|m| {
        m.remove("vernis.config");
        m.insert("vernis.architecture".into(), "restormer".into());
    });
    assert!(lying.unwrap_err().to_string().contains("restormer"));
}

#[test]
fn a_stranger_is_refused_with_the_known_families() {
    let dict: StateDict = crate::support::fake::generated(vec![("conv1.weight".into(), vec![4, 3, 3, 3])]);
    let error = registry::network(&dict).unwrap_err().to_string();
    assert!(error.contains("conv1.weight") && error.contains("restormer"), "{error}");
}
