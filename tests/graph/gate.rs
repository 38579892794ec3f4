//! What `vernis bench` compares a network with where no reference is stored: on every device, kernels of another family.

use vernis::base::DType;
use vernis::kernel::Contraction;
use vernis::run::bench::gate::{Outcome, Reference, compute, tolerance};
use vernis::run::bench::workloads::NETWORKS;

use crate::support::gpu::open;

#[test]
fn a_network_of_any_size_is_compared_with_another_family() {
    let mut gpu = open();
    let workload = &NETWORKS[0];
    for (chosen, other) in [(Contraction::TILED, "plain f32"), (Contraction::Plain, "tiled f32")] {
        gpu.set_contraction(chosen);
        let mut model = workload.model().expect("a model");
        let job = workload.job(&model, 48, 32, DType::F32).expect("a job");
        let reference = Reference::of_network(&mut gpu, &|| workload.model(), &job, None).expect("a reference");
        assert_eq!(gpu.target().contraction, chosen, "what was chosen is kept");
        let output = compute(&gpu, &mut model, &job).expect("an output");
        let verdict = reference.judge(&[output], tolerance(DType::F32));
        assert_eq!((verdict.outcome, verdict.reference.as_str()), (Outcome::Pass, other), "{:?}", verdict.error);
        // Other kernels round otherwise: an error of nothing would mean that the same ones ran.
        assert_ne!(verdict.error, Some(0.0));
    }
}
