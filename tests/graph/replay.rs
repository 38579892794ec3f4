//! A plan is replayed: the same input gives the same bits, another input its own answer, and the device allocates
//! nothing for it.

use vernis::base::DType;
use vernis::gpu::Program;
use vernis::graph::Graph;
use vernis::graph::lower::lower;
use vernis::kernel::Contraction;
use vernis::run::Model;
use vernis::run::bench::kernels::{Case, Work};

use crate::support::compare::{Tolerance, compare};
use crate::support::gpu::{core_with_device, gpu};
use crate::support::nets::{self, Net, inputs};
use crate::support::run::{packed, unpacked, weights};

fn program(gpu: &vernis::gpu::Gpu, net: &Net, graph: &Graph) -> Program {
    let (commands, _) = lower(graph).unwrap();
    let (buffers, index) = weights(gpu, graph, &net.dict).unwrap();
    Program::new(gpu, commands, &buffers, &index).unwrap()
}

fn run(gpu: &vernis::gpu::Gpu, program: &mut Program, graph: &Graph, seed: u64) -> Vec<f32> {
    for ((_, t), values) in graph.inputs.iter().zip(inputs(graph, seed)) {
        program.upload(gpu, *t, &packed(graph, *t, &values)).unwrap();
    }
    program.run(gpu, &mut |_| true).unwrap();
    let t = graph.outputs[0].1;
    unpacked(graph, t, &program.read(gpu, t).unwrap())
}

#[test]
fn a_replay_repeats_itself_and_follows_its_input() {
    for net in nets::all() {
        let graph = net.fused(gpu().target(), DType::F32, &net.part, &[]);
        let mut replayed = program(gpu(), &net, &graph);
        let first = run(gpu(), &mut replayed, &graph, 3);
        let other = run(gpu(), &mut replayed, &graph, 4);
        let again = run(gpu(), &mut replayed, &graph, 3);
        assert!(first == again, "{}: the second run of one input differs from the first", net.family);
        let fresh = run(gpu(), &mut program(gpu(), &net, &graph), &graph, 4);
        assert!(other == fresh, "{}: a replay differs from a fresh program", net.family);
        let count = [first.len() as u32];
        assert!(
            compare(Tolerance::Half, (&count, &first), (&count, &other)).is_err(),
            "{}: the input has no effect",
            net.family
        );
    }
}

#[test]
fn a_replay_allocates_nothing() {
    let (gpu, device) = core_with_device();
    for net in nets::all() {
        let graph = net.fused(gpu.target(), DType::F32, &net.part, &[]);
        let mut program = program(&gpu, &net, &graph);
        let slots = program.commands().slots.clone();
        let mut reports = Vec::new();
        for _ in 0..3 {
            run(&gpu, &mut program, &graph, 3);
            let Some(report) = device.generate_allocator_report() else { return };
            reports.push((report.total_allocated_bytes, report.allocations.len()));
        }
        assert!(reports[0].0 > 0, "the report is empty");
        assert_eq!(reports[1], reports[2], "{}: bytes and number of allocations", net.family);
        assert_eq!(program.commands().slots, slots);
    }
}

#[test]
fn progress_is_told_and_can_cancel() {
    let net = &nets::all()[0];
    let graph = net.fused(gpu().target(), DType::F32, &net.part, &[]);
    let mut program = program(gpu(), net, &graph);
    let mut told = Vec::new();
    program
        .run(gpu(), &mut |share| {
            told.push(share);
            true
        })
        .unwrap();
    assert!(told.windows(2).all(|w| w[0] < w[1]) && told.last().is_some_and(|s| (s - 1.0).abs() < 1e-3), "{told:?}");
    let error = program.run(gpu(), &mut |_| false).unwrap_err();
    assert_eq!(error.kind(), vernis::base::Kind::Cancelled);
    let times = program.profile(gpu()).unwrap();
    assert_eq!(times.len(), program.commands().steps.len());
    assert!(times.iter().all(|t| t.seconds >= 0.0 && t.seconds < 10.0));
}

#[test]
fn an_input_of_another_size_is_refused() {
    let net = &nets::all()[1];
    let graph = net.fused(gpu().target(), DType::F32, &net.part, &[]);
    let program = program(gpu(), net, &graph);
    assert!(program.upload(gpu(), graph.inputs[0].1, &[0; 16]).is_err());
}

#[test]
fn a_model_that_worked_long_settles_for_kernels_that_compile_slowly() {
    let work = Work::Conv { kernel: 1, from: 64, to: 128 };
    let case = Case { name: "settling", width: 64, height: 64, work };
    let mut model = case.model().unwrap();
    let (key, values) = (case.key(DType::F32), case.shape().pad_channels(&case.input()));
    let compute = |model: &mut Model| {
        let plan = model.plan(gpu(), &key).unwrap();
        plan.upload(gpu(), "input", &values).unwrap();
        plan.run(gpu(), &mut |_| true).unwrap();
        let resident = plan.commands().steps.iter().any(|s| s.dispatch.key.shader == "matmul/contract_resident");
        (resident, plan.read(gpu(), "output").unwrap())
    };
    let (resident, first) = compute(&mut model);
    assert!(!resident, "a first picture waits for compilers");
    model.settle();
    let (resident, settled) = compute(&mut model);
    assert_eq!(resident, gpu().target().contraction == Contraction::Wide { lanes: 8 });
    let count = [first.len() as u32];
    compare(Tolerance::Sum, (&count, &settled), (&count, &first)).unwrap();
}
