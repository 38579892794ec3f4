//! Task weights merged into a network against computed beside it: `cargo bench --bench adapters`. Two carriers of the
//! reference cases, a blend of two of five tasks, 192x192 pixels. At the end it prints what an operation of a merge costs
//! beside one of the other way, the number `run::ways` decides by.

use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use vernis::base::{DType, Shape};
use vernis::checkpoint::Case;
use vernis::gpu::{DeviceChoice, Gpu};
use vernis::models::Part;
use vernis::models::instruct_ipt::{InstructIpt, from_config};
use vernis::run::bench::stats::median;
use vernis::run::conditions::{Conditioning, tasks};
use vernis::run::tune::tune;
use vernis::run::{Model, PlanKey, ways};

const EDGE: u32 = 192;
const CASES: [&str; 2] = ["instruct-ipt-conv1x1", "instruct-ipt-all-convs-odd"];

fn adapters(c: &mut Criterion) {
    let mut gpu = Gpu::open(&DeviceChoice::Auto).expect("an adapter");
    tune(&mut gpu, None).expect("a tuned device");
    for name in CASES {
        one(&gpu, name, c);
    }
}

fn one(gpu: &Gpu, name: &str, c: &mut Criterion) {
    let mut group = c.benchmark_group(format!("{name} on {}", gpu.summary().name));
    group.sample_size(10);
    let case =
        Case::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cases").join(name)).expect("a case");
    let network = InstructIpt::parse(&case.config, &case.weights).expect("a configuration");
    let carrier = from_config(&case.config, &case.weights).expect("a carrier");
    let mut model = Model::with_network(case.weights.clone(), carrier).expect("a model");
    let weights = tasks::parse("derain=0.7,denoise=0.3", &network.adapters().tasks).expect("tasks");
    let images = [weights.clone()];
    let merged = tasks::merged(&network, &weights, &[]);
    let all = tasks::fused(&network, &images, None, &[]);
    let wanted = tasks::fused(&network, &images, Some(tasks::wanted(&images)), &[]);

    // Weights that are merged already are not merged again, so two blends take turns.
    let halved: Vec<f32> = weights.iter().map(|w| 0.5 * w).collect();
    let blends = [weights, halved].map(|w| tasks::merged(&network, &w, &[]).factors);
    let mut turn = 0;
    let merge = timed(&mut group, "a merge", &mut || {
        turn = 1 - turn;
        model.merge(gpu, &key(&merged), &blends[turn]).expect("a merge");
    });
    let mut seconds = Vec::new();
    for (way, told) in [("merged", &merged), ("beside, all tasks", &all), ("beside, those wanted", &wanted)] {
        let plan = model.plan(gpu, &key(told)).expect("a plan");
        let image = Shape::new(1, EDGE, EDGE, 3);
        plan.upload(gpu, "input", &vec![0.5; (image.rows() * image.c.padded()) as usize]).expect("a picture");
        for (name, values) in &told.inputs {
            plan.upload(gpu, name, values).expect("the factors");
        }
        seconds.push(timed(&mut group, way, &mut || plan.run(gpu, &mut |_| true).expect("a run")));
    }
    let costs = ways::costs(&model, gpu, &key(&merged), &key(&all)).expect("costs");
    let pixels = f64::from(EDGE * EDGE);
    let measured = merge / ((seconds[1] - seconds[0]) / pixels);
    let counted = costs.merge as f64 / costs.beside;
    println!("{name}: a merge is worth {measured:.0} pixels beside, by its operations {counted:.0}");
    println!("{name}: an operation of a merge takes {:.1} times as long", measured / counted);
    group.finish();
}

/// Times `run` under criterion, and returns the median seconds of a few runs of its own.
fn timed(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    name: &str,
    run: &mut dyn FnMut(),
) -> f64 {
    run();
    group.bench_function(name, |b| b.iter(&mut *run));
    let mut once = || {
        let start = std::time::Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    median(&[once(), once(), once(), once(), once()])
}

fn key(told: &Conditioning) -> PlanKey {
    PlanKey { part: Part::main(1, EDGE, EDGE, told.extra.clone()), precision: DType::F32 }
}

criterion_group!(benches, adapters);
criterion_main!(benches);
