//! The UNet of diffusion models as a carrier, in both key layouts: what adapters do to a step and to the projections of
//! its context is the same merged and fused.

use serde_json::json;
use vernis::base::{DType, Shape};
use vernis::checkpoint::Case;
use vernis::gpu::Gpu;
use vernis::models::instruct_ipt::{InstructIpt, from_config};
use vernis::models::ldm_unet::{self, CONTEXT};
use vernis::models::{Part, registry};
use vernis::run::conditions::{Conditioning, tasks};
use vernis::run::{Model, PlanKey};

use crate::carriers::adapted;
use crate::distances::SAME;
use crate::{case, gpu, noise, rel_l2};

const TOKENS: u32 = 3;

/// The prediction for a fixed sample, context and time under `conditions` of both graphs.
fn predict(gpu: &Gpu, model: &mut Model, unet: &ldm_unet::Config, conditions: [&Conditioning; 2]) -> Vec<f32> {
    let part = |name, h, w, c: &Conditioning| PlanKey {
        part: Part { name, n: 1, h, w, extra: c.extra.clone() },
        precision: DType::F32,
    };
    let mut run = |key: PlanKey, c: &Conditioning, given: &[(String, Vec<f32>)]| {
        if !c.factors.is_empty() {
            model.merge(gpu, &key, &c.factors).expect("a merge");
        }
        let plan = model.plan(gpu, &key).expect("a plan");
        for (name, values) in given.iter().chain(&c.inputs) {
            plan.upload(gpu, name, values).expect("an input");
        }
        plan.run(gpu, &mut |_| true).expect("a run");
        let names: Vec<String> = plan.outputs().map(str::to_owned).collect();
        names.into_iter().map(|n| (n.clone(), plan.read(gpu, &n).expect("an output"))).collect::<Vec<_>>()
    };
    let context = Shape::new(1, 1, TOKENS, unet.cross_attention_dim);
    let context = context.from_nchw(&noise((TOKENS * unet.cross_attention_dim) as usize));
    let mut given = run(part(CONTEXT, 1, TOKENS, conditions[0]), conditions[0], &[("context".into(), context)]);
    let sample = Shape::new(1, 12, 8, unet.in_channels);
    given.push(("input".into(), sample.from_nchw(&noise((12 * 8 * unet.in_channels) as usize))));
    given.push(("time".into(), ldm_unet::time_features(unet, &[981.0])));
    let out = run(part("main", 12, 8, conditions[1]), conditions[1], &given);
    out.into_iter().find(|(n, _)| n == "output").expect("a prediction").1
}

fn check(case: &Case) {
    let gpu = gpu();
    let dict = adapted(&case.weights);
    let mut config = case.config.clone();
    config["carrier"] = json!(ldm_unet::NAME);
    let network = InstructIpt::parse(&config, &dict).expect("a configuration");
    let unet = ldm_unet::Config::parse(&case.config, &case.weights).expect("its own");
    let load = || Model::with_network(dict.clone(), from_config(&config, &dict).expect("it")).expect("a model");
    let weights = vec![0.7, -0.4];
    let merged = [&[][..], &[TOKENS]].map(|rest| tasks::merged(&network, &weights, rest));
    let fused = [&[][..], &[TOKENS]].map(|rest| tasks::fused(&network, std::slice::from_ref(&weights), None, rest));
    let mut model = load();
    let base = [&[][..], &[TOKENS]].map(|rest| tasks::merged(&network, &[0.0, 0.0], rest));
    let [base, merged, fused] = [base, merged, fused].map(|c| predict(&gpu, &mut model, &unet, [&c[0], &c[1]]));
    assert!(rel_l2(&merged, &base) > 0.01, "{}: the adapters do something", case.name);
    let own = case.document["float32_rel_l2"].as_f64().unwrap_or(0.0);
    let difference = rel_l2(&fused, &merged);
    assert!(difference <= (5.0 * own).max(SAME), "{}: {difference:.2e}", case.name);
}

#[test]
fn merged_equals_fused_on_a_unet() {
    check(&case("ldm-unet-small-odd-batch2"));
}

#[test]
fn adapters_of_compvis_checkpoints_are_named_after_their_modules() {
    check(&case("ldm-unet-small-sd"));
}

#[test]
fn a_unet_with_adapters_is_recognised() {
    let case = case("ldm-unet-small-odd-batch2");
    let bare = adapted(&case.weights).with_metadata(Default::default());
    let network = registry::network(&bare).expect("a network");
    assert_eq!((network.family(), &network.config()["carrier"]), ("instruct-ipt", &json!("ldm-unet")));
}
