//! PIP told nothing: the degradation sensor of the file sees the class in the picture.

use vernis::base::DType;
use vernis::checkpoint::StateDict;
use vernis::image::Picture;
use vernis::models::registry;
use vernis::run::Model;
use vernis::run::conditions::{sensor, told};

use crate::distances::SHARE;
use crate::{cases, gpu};

const CLASSES: usize = 5;

/// Keys and values of a sensor that scores class 3 by 8 times the mean of the red channel, and nothing else.
fn red_is_class_3() -> Vec<(String, Vec<usize>, Vec<f32>)> {
    let mut tensors = Vec::new();
    let widths = [3, 6, 5, 4, 7];
    for (layer, pair) in widths.windows(2).enumerate() {
        let (inner, outer) = (pair[0], pair[1]);
        let mut weight = vec![0.0; outer * inner * 9];
        weight[4] = 1.0; // the centre of the first filter, first channel
        tensors.push((format!("vernis.sensor.{layer}.weight"), vec![outer, inner, 3, 3], weight));
        tensors.push((format!("vernis.sensor.{layer}.bias"), vec![outer], vec![0.0; outer]));
    }
    let mut head = vec![0.0; CLASSES * 7];
    head[3 * 7] = 8.0;
    tensors.push(("vernis.sensor.head.weight".into(), vec![CLASSES, 7, 1, 1], head));
    tensors.push(("vernis.sensor.head.bias".into(), vec![CLASSES], vec![0.0; CLASSES]));
    tensors
}

fn model(tensors: &[(String, Vec<usize>, Vec<f32>)]) -> vernis::Result<Model> {
    let case = cases().into_iter().find(|c| c.name == "pip-convgate").expect("the case");
    let mut dict: StateDict = case.weights.clone();
    for (key, shape, values) in tensors {
        let held = dict.clone();
        dict = dict.with_values(held.keys(), key, shape.clone(), values);
    }
    let network = registry::by_name(&case.family, &case.config, &dict)?;
    Model::with_network(dict, network)
}

fn flat(width: u32, height: u32, rgb: [f32; 3]) -> Picture {
    Picture::from_rgb(width, height, rgb.repeat((width * height) as usize))
}

#[test]
fn the_class_is_seen_in_the_picture() {
    let gpu = gpu();
    let mut model = model(&red_is_class_3()).expect("a model with a sensor");
    for (w, h, red) in [(1, 1, 1.0), (37, 18, 0.25), (300, 150, 0.5)] {
        let weights = sensor::look(&mut model, &gpu, DType::F32, &flat(w, h, [red, 0.9, 0.1])).expect("weights");
        let power = (8.0 * red).exp();
        let expected = power / (power + 4.0);
        assert!((weights[3] - expected).abs() < SHARE, "{w}x{h}: {weights:?}, expected {expected}");
        assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{weights:?}");
    }
}

#[test]
fn a_file_with_a_sensor_needs_no_instruction() {
    let gpu = gpu();
    let mut with = model(&red_is_class_3()).expect("a model");
    let picture = flat(40, 24, [1.0, 0.0, 0.0]);
    let mut ask =
        |view| told::condition(&mut with, &gpu, DType::F32, &[], view, 4096, u64::MAX).expect("no instruction").explain;
    assert!(ask(Some((&picture, 8)))[0].starts_with("degradation: deblur 0.99"));
    assert!(ask(None)[0].contains("when it is restored"));
    let mut without = model(&[]).expect("a model");
    let refused = told::condition(&mut without, &gpu, DType::F32, &[], Some((&picture, 8)), 4096, u64::MAX);
    assert!(refused.expect_err("it must be told").to_string().contains("classifier"));
}

#[test]
fn a_sensor_that_does_not_fit_is_refused() {
    let mut tensors = red_is_class_3();
    tensors[2].1 = vec![5, 5, 3, 3];
    tensors[2].2.truncate(5 * 5 * 9);
    let refused = model(&tensors).err().expect("a layer does not follow the one before").to_string();
    assert!(refused.contains("vernis.sensor.1.weight"), "{refused}");
}
