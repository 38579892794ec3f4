//! A separate adapter file attached to a checkpoint is the same as one that was always in it.

use std::collections::BTreeMap;

use serde_json::json;
use vernis::base::Shape;
use vernis::checkpoint::StateDict;
use vernis::checkpoint::adapters::{AdapterKey, tasks};
use vernis::models::{instruct_ipt, registry};
use vernis::run::Model;
use vernis::run::conditions::tasks::{merged, of, parse};

use crate::distances::SAME;
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
    assert!(difference < SAME, "{difference:.2e}");
}

/// An adapter of one module, made of seeded numbers, under the names that PEFT gives it.
fn file_for(module: &str, from: usize, to: usize, rank: usize) -> (StateDict, Vec<f32>, Vec<f32>) {
    let (a, b) = (noise(rank * from), noise(to * rank).into_iter().rev().collect::<Vec<f32>>());
    let empty = case("instruct-ipt-conv1x1").weights.with_renamed(|_| None).expect("nothing");
    let key = |kind: &str| format!("base_model.model.{module}.{kind}.weight");
    let file = empty.with_values([], &key("lora_A"), vec![rank, from], &a);
    let first = key("lora_A");
    (file.with_values([first.as_str()], &key("lora_B"), vec![to, rank], &b), a, b)
}

/// Families without tasks beside their weights take an adapter into them, whichever part of the model it was made for.
#[test]
fn other_families_take_an_adapter_into_their_weights() {
    let case = case("diffusion-generalist-tiny");
    let module = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k";
    let key = format!("unet.{module}.weight");
    let &[to, from] = case.weights.shape(&key).expect("a projection") else { panic!("no matrix") };
    let (file, a, b) = file_for(module, from, to, 3);
    let model = Model::new(case.weights.clone()).expect("a generalist");
    let config = json!({"peft_type": "LORA", "r": 3, "lora_alpha": 6});
    let adapted = model.attach("style", &file, Some(&config)).expect("attached");
    assert_eq!(adapted.network().family(), "diffusion-generalist");
    assert!(tasks(adapted.dict()).is_empty(), "{:?}", tasks(adapted.dict()));
    let (before, after) = (case.weights.f32(&key).expect("weights"), adapted.dict().f32(&key).expect("weights"));
    for (i, (old, new)) in before.iter().zip(&after).enumerate() {
        let product: f32 = (0..3).map(|r| b[i / from * 3 + r] * a[r * from + i % from]).sum();
        assert!((new - old - 2.0 * product).abs() < 1e-5, "{i}: {old} became {new}");
    }
    let refused = |file: &StateDict| model.attach("style", file, None).err().expect("a refusal").to_string();
    assert!(refused(&file_for("nowhere", from, to, 2).0).contains("does not have"));
    assert!(refused(&file_for(module, from + 1, to, 2).0).contains("do not fit"));
}
