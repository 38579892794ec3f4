//! An image encoder may be asked for some of its stages alone.

use serde_json::{Value, json};
use vernis::base::DType;
use vernis::checkpoint::StateDict;
use vernis::models::{diffusion_generalist, registry};
use vernis::run::model::Model;
use vernis::run::plan::PlanKey;
use vernis::run::verify::verify;

use crate::support::compare::rel_l2;
use crate::support::distances::SAME;
use crate::support::generalist;
use crate::support::generator::uniform;
use crate::support::gpu::gpu;

#[test]
fn the_stages_asked_for_are_those_of_the_whole_encoder() {
    for levels in [vec![1], vec![0, 3], vec![1, 2]] {
        let mut case = generalist::case("convnext-timm-tiny-odd");
        case.config["levels"] = json!(levels);
        case.call["outputs"] = levels.iter().map(|l| format!("stage{}", l + 1)).collect::<Vec<_>>().into();
        let verdict = verify(gpu(), &case, DType::F32).unwrap();
        assert!(verdict.passed(), "{levels:?}");
    }
    for wrong in [json!([]), json!([1, 0]), json!([1, 1]), json!([4])] {
        let mut case = generalist::case("convnext-timm-tiny-odd");
        case.config["levels"] = wrong.clone();
        let error = verify(gpu(), &case, DType::F32).unwrap_err().to_string();
        assert!(error.contains("levels"), "{wrong}: {error}");
    }
}

/// The features' share of the UNet's first convolution, computed from `picture`.
fn start(config: &Value, dict: StateDict, picture: &[f32]) -> Vec<f32> {
    let network = registry::by_name(diffusion_generalist::NAME, config, &dict).unwrap();
    let mut model = Model::with_network(dict, network).unwrap();
    let part = diffusion_generalist::features_part(1, [64, 64], [16, 16], false);
    let mut plan = model.make_plan(gpu(), &PlanKey { part, precision: DType::F32 }, &[]).unwrap();
    let shape = plan.input_shape("input").unwrap();
    plan.upload(gpu(), "input", &shape.from_nchw(picture)).unwrap();
    plan.run(gpu(), &mut |_| true).unwrap();
    plan.read(gpu(), "start").unwrap()
}

/// Leaving stages out equals ignoring what they show.
#[test]
fn a_generalist_reads_the_stages_it_names() {
    let case = generalist::case("diffusion-generalist-tiny");
    let key = "unet.conv_in.weight";
    let shape = case.weights.shape(key).unwrap().to_vec();
    let whole = case.weights.f32(key).unwrap();
    // Three channels of the target, then the stages of 8, 16, 24 and 32 channels, of which the second and fourth stay.
    let kept = |channel: usize| channel < 3 || (11..27).contains(&channel) || (51..83).contains(&channel);
    let per_channel = shape[2] * shape[3];
    let channel = |i: usize| i / per_channel % shape[1];
    let blind: Vec<f32> = whole.iter().enumerate().map(|(i, v)| if kept(channel(i)) { *v } else { 0.0 }).collect();
    let sliced: Vec<f32> = whole.iter().enumerate().filter(|(i, _)| kept(channel(*i))).map(|(_, v)| *v).collect();
    let others = || case.weights.keys().filter(|k| *k != key);
    let blind = case.weights.with_values(others(), key, shape.clone(), &blind);
    let few = vec![shape[0], 3 + 16 + 32, shape[2], shape[3]];
    let sliced = case.weights.with_values(others(), key, few, &sliced);

    let mut config = case.config.clone();
    config["image_encoder"]["levels"] = json!([1, 3]);
    config["unet"]["in_channels"] = json!(3 + 16 + 32);
    let picture = uniform("picture", 5, 0.0, 1.0, 3 * 64 * 64);
    let (expected, got) = (start(&case.config, blind, &picture), start(&config, sliced, &picture));
    assert!(expected.iter().any(|v| v.abs() > 0.1));
    assert!(rel_l2(&got, &expected) < SAME, "{}", rel_l2(&got, &expected));
}
