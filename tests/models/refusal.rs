//! A checkpoint that lacks a weight, has one too many or one of another shape is refused, and the weight is named.

use serde_json::{Value, json};
use vernis::base::Kind;
use vernis::checkpoint::StateDict;
use vernis::models::registry;
use vernis::run::model::Model;

use crate::support::fake::{generated, keys};
use crate::support::nets;

fn families() -> Vec<(&'static str, Value)> {
    let mut restormer = nets::restormer();
    restormer["bias"] = json!(true);
    vec![
        ("restormer", restormer),
        ("nafnet", nets::nafnet()),
        ("xrestormer", nets::xrestormer()),
        ("genlv", nets::genlv()),
    ]
}

/// The error of loading `dict` as the network of `config`.
fn refused(family: &str, config: &Value, dict: StateDict) -> String {
    let error = registry::by_name(family, config, &dict).and_then(|n| Model::with_network(dict, n)).err();
    let error = error.unwrap_or_else(|| panic!("{family}: a bent checkpoint was accepted"));
    assert_eq!(error.kind(), Kind::Checkpoint, "{error}");
    error.to_string()
}

/// Some keys of every kind: the first of each name that differs only in numbers.
fn samples(all: &[(String, Vec<usize>)]) -> Vec<usize> {
    let mut seen = std::collections::BTreeSet::new();
    let kind = |k: &str| k.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    (0..all.len()).filter(|i| seen.insert(kind(&all[*i].0))).collect()
}

#[test]
fn a_missing_weight_is_named() {
    for (family, config) in families() {
        let all = keys(family, &config);
        for i in samples(&all) {
            let mut fewer = all.clone();
            let (key, _) = fewer.remove(i);
            let error = refused(family, &config, generated(fewer));
            assert!(error.contains(&key), "{family} without {key}: {error}");
        }
    }
}

#[test]
fn a_weight_too_many_is_named() {
    for (family, config) in families() {
        for extra in ["encoder_level9.0.attn.extra", "mean", "output.weight2"] {
            let mut more = keys(family, &config);
            more.push((extra.into(), vec![3]));
            let error = refused(family, &config, generated(more));
            assert!(error.contains(extra), "{family}: {error}");
        }
    }
}

/// Hidden widths are read from the checkpoint, so a bent one may be noticed at the weight beside it.
#[test]
fn a_weight_of_another_shape_is_named() {
    for (family, config) in families() {
        let all = keys(family, &config);
        for i in samples(&all) {
            for axis in 0..all[i].1.len() {
                if all[i].1[axis] == 1 {
                    continue;
                }
                let mut bent = all.clone();
                bent[i].1[axis] += 1;
                let (key, shape) = bent[i].clone();
                let error = refused(family, &config, generated(bent));
                let module = key.rsplitn(3, '.').last().unwrap_or(&key);
                assert!(error.contains(module), "{family} {key} {shape:?}: {error}");
            }
        }
    }
}

/// Widths are read from the first axis of some weights, so a number without axes, or an axis of nothing, must not get far.
#[test]
fn a_weight_without_width_is_named() {
    for (family, config) in families() {
        let all = keys(family, &config);
        for i in samples(&all) {
            let of = |shape: Vec<usize>| {
                let mut bent = all.clone();
                bent[i].1 = shape;
                refused(family, &config, generated(bent))
            };
            let (key, shape) = &all[i];
            let empty = of([&[0], &shape[1..]].concat());
            assert!(empty.contains(key), "{family} {key} with nothing in it: {empty}");
            if shape.iter().product::<usize>() > 1 {
                let scalar = of(vec![]);
                assert!(scalar.contains(key), "{family} {key} as a number: {scalar}");
            }
        }
    }
}

#[test]
fn a_training_crop_of_no_pixels_is_refused() {
    let config = nets::nafnet();
    for crop in [json!([1, 3, 0, 256]), json!([1, 3, 256, 4_000_000])] {
        let mut local = config.clone();
        local["train_size"] = crop;
        let error = refused("nafnet", &local, generated(keys("nafnet", &config)));
        assert!(error.contains("train_size"), "{error}");
    }
}

#[test]
fn a_configuration_with_unknown_or_bad_keys_is_refused() {
    for (family, config) in families() {
        let dict = generated(keys(family, &config));
        for (key, value) in [("widht", json!(3)), ("ffn_expansion_faktor", json!(1.0))] {
            let mut bent = config.clone();
            bent[key] = value;
            assert!(refused(family, &bent, dict.clone()).contains(key), "{family}");
        }
        for (key, value) in config.as_object().unwrap() {
            let mut bent = config.clone();
            bent[key] = if value.is_string() { json!(7) } else { json!("seven") };
            assert!(refused(family, &bent, dict.clone()).contains(key), "{family} {key}");
        }
    }
}

#[test]
fn a_weight_that_is_no_number_is_refused_when_it_is_read() {
    use crate::support::stored::{Tensor, dict};
    let config = nets::nafnet();
    let complete = generated(keys("nafnet", &config));
    let tensors: Vec<Tensor> = complete
        .keys()
        .map(|k| {
            let mut values = complete.f32(k).unwrap();
            if k == "middle_blks.0.conv4.weight" {
                values[5] = f32::NAN;
            }
            Tensor { key: k.into(), shape: complete.shape(k).unwrap().to_vec(), values }
        })
        .collect();
    let mut model = Model::new(dict(&tensors)).unwrap();
    let part = vernis::models::Part::main(1, 8, 8, Vec::new());
    let key = vernis::run::plan::PlanKey { part, precision: vernis::base::DType::F32 };
    let error = model.make_plan(crate::support::gpu::gpu(), &key, &[]).err().expect("NaN weights").to_string();
    assert!(error.contains("middle_blks.0.conv4.weight"), "{error}");
}
