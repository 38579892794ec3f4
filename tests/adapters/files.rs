//! A separate adapter file attached to a checkpoint is the same as one that was always in it.

use std::collections::BTreeMap;

use serde_json::json;
use vernis::base::Shape;
use vernis::checkpoint::adapters::{AdapterKey, tasks};
use vernis::models::{instruct_ipt, registry};
use vernis::run::Model;
use vernis::run::conditions::tasks::{merged, of, parse};

use crate::{case, forward, gpu, noise, rel_l2};

#[test]
fn an_attached_file_equals_a_stored_task() {
    let gpu = gpu();
    let whole = case("instruct-ipt-conv1x1").weights;
    let base = vernis::checkpoint::adapters::without(&whole).expect("the carrier");
    let base = base.with_metadata(BTreeMap::from([("vernis.architecture".into(), "restormer".into())]));
    let file = whole
        .with_renamed(|k| {
            let key = AdapterKey::parse(k).filter(|p| p.task == "derain")?;
            Some(format!("base_model.model.{}.{}.weight", key.module, key.kind))
        })
        .expect("an adapter file");
    let config = json!({"peft_type": "LORA", "r": 4, "lora_alpha": 8, "bias": "none", "target_modules": ["qkv"]});
    let joined = instruct_ipt::attach(&base, "rain", &file, Some(&config)).expect("attached");
    assert_eq!(tasks(&joined), ["rain"]);
    assert_eq!(registry::network(&joined).expect("a network").family(), instruct_ipt::NAME);

    let image = Shape::new(1, 16, 24, 3);
    let picture = image.from_nchw(&noise(3 * 16 * 24));
    let run = |dict, text: &str| {
        let mut model = Model::new(dict).expect("a model");
        let network = of(&model).expect("adapters").expect("a configuration");
        let weights = parse(text, &network.adapters().tasks).expect("tasks");
        let conditioning = merged(&network, &weights, &[]);
        model.merge(&gpu, &crate::key(&image, &conditioning.extra), &conditioning.factors).expect("a merge");
        forward(&gpu, &mut model, &image, &picture, &conditioning.extra, &[])
    };
    // Alpha over rank is 2.
    let difference = rel_l2(&run(joined, "rain=0.5"), &run(whole.with_metadata(BTreeMap::new()), "derain"));
    assert!(difference < 1e-5, "{difference:.2e}");
}
