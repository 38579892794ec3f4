//! The kernels of the suite under criterion: `cargo bench --bench ops`, or `-- conv3x3` for some of them. Each is
//! checked against plain loops before it is timed.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vernis::DType;
use vernis::gpu::{DeviceChoice, Gpu};
use vernis::run::bench::gate::{Outcome, Reference, tolerance};
use vernis::run::bench::kernels::{Case, KERNELS};
use vernis::run::bench::plain::Plain;
use vernis::run::tune::tune;

fn ops(c: &mut Criterion) {
    let mut gpu = Gpu::open(&DeviceChoice::Auto).expect("an adapter");
    tune(&mut gpu, None).expect("a tuned device");
    let mut group = c.benchmark_group(format!("ops on {}", gpu.summary().name));
    group.sample_size(20);
    for case in KERNELS {
        one(&gpu, case, &mut group);
    }
    group.finish();
}

fn one(gpu: &Gpu, case: &Case, group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>) {
    let mut model = case.model().expect("synthetic weights");
    let input = case.input();
    let dict = model.dict().clone();
    let reference = Reference::of_kernel(case, &Plain::new(case, &input, &dict).expect("weights of the case"));
    let plan = model.plan(gpu, &case.key(DType::F32)).expect("a plan");
    plan.upload(gpu, "input", &case.shape().pad_channels(&input)).expect("an input");
    plan.run(gpu, &mut |_| true).expect("a result");
    let shape = plan.output_shape("output").expect("an output");
    let output = shape.strip_channels(&plan.read(gpu, "output").expect("an output"));
    let verdict = reference.judge(&[output], tolerance(DType::F32));
    assert_eq!(verdict.outcome, Outcome::Pass, "{}: {verdict:?}", case.name);
    group.throughput(Throughput::Elements(plan.cost().flops));
    group.bench_function(case.name, |b| b.iter(|| plan.run(gpu, &mut |_| true).expect("a result")));
}

criterion_group!(benches, ops);
criterion_main!(benches);
