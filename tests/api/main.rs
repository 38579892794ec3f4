//! The library as a host uses it.

mod adapters;
mod convert;
#[path = "../support/distances.rs"]
mod distances;
mod engine;
mod official;
mod shipped;

use std::path::Path;

use vernis::checkpoint::{Case, StateDict};
use vernis::models::{ARCHITECTURE, CONFIG};
use vernis::{Engine, EngineOptions, Instruction, Model, Picture, RestoreOptions, Restored};

pub fn engine() -> Engine {
    Engine::new(&EngineOptions::default()).expect("an adapter; see the message for what to install")
}

pub fn picture(width: u32, height: u32) -> Picture {
    let value = |i: u32| ((i as f32 * 0.37).sin() * 0.5 + 0.5) * 0.8 + 0.1 * ((i * 7919 % 13) as f32 / 13.0);
    Picture::from_rgb(width, height, (0..3 * width * height).map(value).collect())
}

pub fn largest_difference(a: &Picture, b: &Picture) -> f32 {
    assert_eq!((a.width, a.height), (b.width, b.height));
    a.rgb.iter().zip(&b.rgb).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max)
}

pub fn case(name: &str) -> Case {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cases");
    Case::open(&root.join(name)).expect("a stored case")
}

/// The weights of a case as a checkpoint that says what it is.
pub fn described(case: &Case) -> StateDict {
    let dict = case.weights.unwrapped().expect("weights");
    let mut metadata = dict.metadata().clone();
    metadata.insert(ARCHITECTURE.into(), case.family.clone());
    metadata.insert(CONFIG.into(), case.config.to_string());
    dict.with_metadata(metadata)
}

pub fn model(case: &Case) -> Model {
    Model::from_dict(described(case), &case.name).expect("a model")
}

pub fn restore(
    engine: &Engine,
    model: &mut Model,
    picture: &Picture,
    told: &Instruction,
    options: &RestoreOptions,
) -> Restored {
    engine.restore(model, picture, told, options, &mut |_| true).expect("restored")
}
