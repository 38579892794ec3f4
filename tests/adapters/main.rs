//! Task adapters on whole networks: merged weights and fused kernels must agree, on every carrier and with every
//! family of contraction kernels.

mod carriers;
#[path = "../support/distances.rs"]
mod distances;
mod files;
mod unet;
mod ways;

use std::path::{Path, PathBuf};

use vernis::base::{DType, Shape};
use vernis::checkpoint::Case;
use vernis::gpu::{DeviceChoice, Gpu};
use vernis::models::Part;
use vernis::run::{Model, PlanKey};

/// The device that `VERNIS_TEST_DEVICE` asks for.
pub fn gpu() -> Gpu {
    let choice: DeviceChoice =
        std::env::var("VERNIS_TEST_DEVICE").unwrap_or_default().parse().expect("any text is a choice");
    Gpu::open(&choice).expect("the tests need a GPU or a software adapter")
}

/// The folders of the stored reference cases.
pub fn stored() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cases");
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(root).expect("the stored cases").map(|e| e.expect("a folder").path()).collect();
    folders.sort();
    folders
}

pub fn case(name: &str) -> Case {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cases");
    Case::open(&root.join(name)).expect("a stored case")
}

/// Values in `-1..1` that no layer knows.
pub fn noise(count: usize) -> Vec<f32> {
    (0..count).map(|i| ((i as f32 * 12.9898).sin() * 43758.547).fract()).collect()
}

pub fn rel_l2(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let square = |v: f64| v * v;
    let difference: f64 = a.iter().zip(b).map(|(a, b)| square(f64::from(a - b))).sum();
    (difference / b.iter().map(|b| square(f64::from(*b))).sum::<f64>()).sqrt()
}

/// The output of the main part, image by image.
pub fn forward(
    gpu: &Gpu,
    model: &mut Model,
    image: &Shape,
    values: &[f32],
    extra: &[u32],
    inputs: &[(String, Vec<f32>)],
) -> Vec<f32> {
    let plan = model.plan(gpu, &key(image, extra)).expect("a plan");
    plan.upload(gpu, "input", values).expect("the picture");
    for (name, values) in inputs {
        plan.upload(gpu, name, values).expect("the factors");
    }
    plan.run(gpu, &mut |_| true).expect("a run");
    let shape = plan.output_shape("output").expect("an output");
    shape.to_nchw(&plan.read(gpu, "output").expect("the output"))
}

pub fn key(image: &Shape, extra: &[u32]) -> PlanKey {
    PlanKey { part: Part::main(image.n, image.h, image.w, extra.to_vec()), precision: DType::F32 }
}
