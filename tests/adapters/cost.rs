//! What each way costs; a measurement, not a test.

use std::time::Instant;

use vernis::base::Shape;
use vernis::models::instruct_ipt::{InstructIpt, from_config};
use vernis::run::conditions::tasks;
use vernis::run::{Model, ways};

use crate::{case, gpu, key, noise};

/// Seconds of the fastest of three runs.
fn fastest(mut run: impl FnMut()) -> f64 {
    let once = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    run();
    (0..3).map(|_| once(&mut run)).fold(f64::INFINITY, f64::min)
}

#[test]
#[ignore = "a measurement"]
fn merged_against_fused() {
    let gpu = gpu();
    for name in ["instruct-ipt-conv1x1", "instruct-ipt-all-convs-odd"] {
        let case = case(name);
        let (dict, config) = (&case.weights, &case.config);
        let network = InstructIpt::parse(config, dict).expect("a configuration");
        let mut model = Model::with_network(dict.clone(), from_config(config, dict).expect("it")).expect("a model");
        let image = Shape::new(1, 192, 192, 3);
        let values = image.from_nchw(&noise(3 * 192 * 192));
        let weights = tasks::parse("derain=0.7,denoise=0.3", &network.adapters().tasks).expect("tasks");
        let conditioning = tasks::merged(&network, &weights, &[]);
        let merged_key = key(&image, &conditioning.extra);
        // Equal factors are not merged twice.
        let mut share = 1.0;
        let merge = fastest(|| {
            share *= 0.9;
            let weights: Vec<f32> = weights.iter().map(|w| w * share).collect();
            model.merge(&gpu, &merged_key, &tasks::merged(&network, &weights, &[]).factors).expect("a merge");
        });
        let merge_flops = model.merge_flops().unwrap_or(0);
        println!("{name}: merge {:.2} ms, {:.1} MFLOP", 1e3 * merge, merge_flops as f64 / 1e6);
        let images = [weights.clone()];
        let fused_key = key(&image, &tasks::fused(&network, &images, None, &[]).extra);
        let costs = ways::costs(&model, &gpu, &merged_key, &fused_key).expect("costs");
        assert_eq!(costs.merge, merge_flops, "what is known before is what runs");
        let mut seconds = Vec::new();
        let ways = [
            ("merged", conditioning),
            ("fused, 5 tasks stacked", tasks::fused(&network, &images, None, &[])),
            ("fused, 2 tasks stacked", tasks::fused(&network, &images, Some(tasks::wanted(&images)), &[])),
        ];
        for (way, conditioning) in ways {
            let plan = model.plan(&gpu, &key(&image, &conditioning.extra)).expect("a plan");
            plan.upload(&gpu, "input", &values).expect("the picture");
            for (name, values) in &conditioning.inputs {
                plan.upload(&gpu, name, values).expect("the factors");
            }
            let (flops, steps) = (plan.cost().flops, plan.cost().dispatches);
            seconds.push(fastest(|| plan.run(&gpu, &mut |_| true).expect("a run")));
            let took = 1e3 * seconds[seconds.len() - 1];
            println!("  {way}: {took:.1} ms, {:.2} GFLOP, {steps} dispatches", flops as f64 / 1e9);
        }
        let pixels = f64::from(image.h * image.w);
        let beside = (seconds[1] - seconds[0]) / pixels;
        println!("  counted: a merge is {:.0} pixels", costs.merge as f64 / costs.beside);
        println!("  measured: a merge is {:.0} pixels", merge / beside);
        let weight = merge / beside / (costs.merge as f64 / costs.beside);
        println!("  an operation of a merge takes {weight:.2} times as long as one beside the network");
    }
}
