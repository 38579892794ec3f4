//! What each way costs; a measurement, not a test.

use std::time::Instant;

use vernis::base::Shape;
use vernis::models::instruct_ipt::{InstructIpt, from_config};
use vernis::run::Model;
use vernis::run::conditions::tasks;

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
        let (conditioning, factors) = tasks::merged(&network, &weights, &[]);
        let merged_key = key(&image, &conditioning.extra);
        let merge = fastest(|| model.merge(&gpu, &merged_key, &factors).expect("a merge"));
        let merge_flops = model.merge_flops().unwrap_or(0);
        println!("{name}: merge {:.2} ms, {:.1} MFLOP", 1e3 * merge, merge_flops as f64 / 1e6);
        let images = [weights.clone()];
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
            let seconds = fastest(|| plan.run(&gpu, &mut |_| true).expect("a run"));
            println!("  {way}: {:.1} ms, {:.2} GFLOP, {steps} dispatches", 1e3 * seconds, flops as f64 / 1e9);
        }
    }
}
