//! The networks of the suite under criterion, at the sizes that two cores without a GPU can bear: `cargo bench --bench
//! models -- nafnet`. `vernis bench` is the tool for tables: it checks the outputs it times and stamps the report.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vernis::DType;
use vernis::gpu::{DeviceChoice, Gpu};
use vernis::run::bench::workloads::NETWORKS;
use vernis::run::tune::tune;

fn models(c: &mut Criterion) {
    let mut gpu = Gpu::open(&DeviceChoice::Auto).expect("an adapter");
    tune(&mut gpu, None).expect("a tuned device");
    let mut group = c.benchmark_group(format!("models on {}", gpu.summary().name));
    group.sample_size(10);
    for workload in NETWORKS {
        let edge = workload.edges(true)[0];
        group.throughput(Throughput::Elements(u64::from(edge * edge)));
        group.bench_function(format!("{} {edge}x{edge}", workload.name), |b| {
            // Made here, so that a filter skips the networks it leaves out.
            let mut model = workload.model().expect("synthetic weights");
            let job = workload.job(&model, edge, edge, DType::F32).expect("a size it takes");
            let plan = model.plan(&gpu, &job.key).expect("a plan");
            for (name, values) in &job.inputs {
                plan.upload(&gpu, name, values).expect("an input");
            }
            plan.run(&gpu, &mut |_| true).expect("a result");
            b.iter(|| plan.run(&gpu, &mut |_| true).expect("a result"));
        });
    }
    group.finish();
}

criterion_group!(benches, models);
criterion_main!(benches);
