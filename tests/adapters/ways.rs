//! Merged equals fused: single tasks, blends, and a batch whose images have different tasks.

use vernis::base::Shape;
use vernis::checkpoint::StateDict;
use vernis::gpu::Gpu;
use vernis::kernel::Contraction;
use vernis::models::instruct_ipt::{InstructIpt, from_config};
use vernis::run::conditions::tasks;
use vernis::run::{Model, ways};

use crate::distances::SAME;
use crate::{case, forward, gpu, noise, rel_l2};

/// Merged once for each image against fused in one batch.
pub fn compare(gpu: &Gpu, dict: &StateDict, config: &serde_json::Value, image: &Shape, images: &[Vec<f32>]) -> f64 {
    let network = InstructIpt::parse(config, dict).expect("a configuration");
    let mut model = Model::with_network(dict.clone(), from_config(config, dict).expect("it")).expect("a model");
    let n = images.len() as u32;
    let one = Shape { n: 1, ..image.clone() };
    let all = Shape { n, ..image.clone() };
    let logical = (one.rows() * one.c.logical()) as usize;
    let nchw = noise(logical * images.len());
    let mut merged = Vec::new();
    for (weights, picture) in images.iter().zip(nchw.chunks(logical)) {
        let conditioning = tasks::merged(&network, weights, &[]);
        model.merge(gpu, &crate::key(&one, &conditioning.extra), &conditioning.factors).expect("a merge");
        merged.extend(forward(gpu, &mut model, &one, &one.from_nchw(picture), &conditioning.extra, &[]));
    }
    let conditioning = tasks::fused(&network, images, None, &[]);
    let fused = forward(gpu, &mut model, &all, &all.from_nchw(&nchw), &conditioning.extra, &conditioning.inputs);
    let few = tasks::fused(&network, images, Some(tasks::wanted(images)), &[]);
    let fewer = forward(gpu, &mut model, &all, &all.from_nchw(&nchw), &few.extra, &few.inputs);
    rel_l2(&fused, &merged).max(rel_l2(&fewer, &merged))
}

#[test]
fn merged_equals_fused_on_every_kernel_family() {
    let mut gpu = gpu();
    let families: Vec<Contraction> = gpu.contraction_candidates().to_vec();
    let case = case("instruct-ipt-all-convs-odd");
    let names: Vec<String> = vernis::checkpoint::adapters::tasks(&case.weights);
    let config: Vec<String> = serde_json::from_value(case.config["tasks"].clone()).expect("names");
    assert_eq!(names.len(), config.len());
    let image = Shape::new(1, 18, 21, 3);
    let images = ["derain=0.7,denoise=0.3", "dehaze", "desnow=-0.5"].map(|t| tasks::parse(t, &config).expect("tasks"));
    for family in families {
        gpu.set_contraction(family);
        let difference = compare(&gpu, &case.weights, &case.config, &image, &images);
        assert!(difference <= SAME, "{family:?}: {difference:.2e}");
    }
}

#[test]
fn the_cost_of_a_merge_is_known_before_it_runs() {
    let gpu = gpu();
    for name in ["instruct-ipt-conv1x1", "instruct-ipt-all-convs-odd"] {
        let case = case(name);
        let network = InstructIpt::parse(&case.config, &case.weights).expect("a configuration");
        let carrier = from_config(&case.config, &case.weights).expect("it");
        let mut model = Model::with_network(case.weights.clone(), carrier).expect("a model");
        let image = Shape::new(1, 16, 16, 3);
        let weights = tasks::parse("derain=0.7,denoise=0.3", &network.adapters().tasks).expect("tasks");
        let merged = tasks::merged(&network, &weights, &[]);
        let fused = tasks::fused(&network, &[weights], None, &[]);
        let keys = [&merged.extra, &fused.extra].map(|extra| crate::key(&image, extra));
        let costs = ways::costs(&model, &gpu, &keys[0], &keys[1]).expect("costs");
        model.merge(&gpu, &keys[0], &merged.factors).expect("a merge");
        assert_eq!(Some(costs.merge), model.merge_flops(), "{name}");
        assert!(costs.merge > 0 && costs.beside > 0.0, "{name}: {costs:?}");
    }
}

#[test]
fn a_merge_can_be_undone() {
    let gpu = gpu();
    let case = case("instruct-ipt-conv1x1");
    let network = InstructIpt::parse(&case.config, &case.weights).expect("a configuration");
    let mut model = Model::with_network(case.weights.clone(), from_config(&case.config, &case.weights).expect("it"))
        .expect("a model");
    let image = Shape::new(1, 16, 16, 3);
    let picture = image.from_nchw(&noise(3 * 256));
    let base = forward(&gpu, &mut model, &image, &picture, &[], &[]);
    let mut run = |text: &str, scale: f32| {
        let mut weights = tasks::parse(text, &network.adapters().tasks).expect("tasks");
        weights.iter_mut().for_each(|w| *w *= scale);
        let conditioning = tasks::merged(&network, &weights, &[]);
        model.merge(&gpu, &crate::key(&image, &conditioning.extra), &conditioning.factors).expect("a merge");
        forward(&gpu, &mut model, &image, &picture, &conditioning.extra, &[])
    };
    assert!(rel_l2(&run("derain", 1.0), &base) > 0.1, "a task changes the result");
    assert_eq!(run("derain", 0.0), base, "no task is the carrier itself");
}
