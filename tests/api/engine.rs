//! Pictures through an engine: devices, progress, precision, memory.

use vernis::{DeviceChoice, Engine, EngineOptions, Instruction, Kind, Precision, RestoreOptions, TileChoice, wgpu};

use crate::distances::PICTURE;
use crate::{engine, largest_difference, picture};

fn task() -> Instruction {
    Instruction::Task("denoise".into())
}

/// An engine on the barest device of a host (no feature, default limits), and that device.
fn hosted() -> (Engine, wgpu::Device) {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapters = pollster::block_on(
        instance.enumerate_adapters(wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12),
    );
    let adapter = adapters.into_iter().next().expect("an adapter");
    let (device, queue) =
        pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor::default())).expect("a device");
    (Engine::from_wgpu(&adapter, device.clone(), queue).expect("an engine"), device)
}

#[test]
fn the_hosts_device_gives_the_same_picture() {
    let ((hosted, _), own) = (hosted(), engine());
    let input = picture(40, 24);
    let run = |e: &Engine| {
        let mut model = e.load("nafnet-denoise").expect("shipped");
        e.restore(&mut model, &input, &task(), &RestoreOptions::default(), &mut |_| true).expect("restored").picture
    };
    let difference = largest_difference(&run(&hosted), &run(&own));
    assert!(difference < PICTURE, "{difference}");
}

#[test]
fn a_lost_device_is_an_error_and_another_engine_takes_the_models_over() {
    let ((first, device), second) = (hosted(), engine());
    let mut model = first.load("nafnet-denoise").expect("shipped");
    let input = picture(40, 24);
    let mut run = |e: &Engine| e.restore(&mut model, &input, &task(), &RestoreOptions::default(), &mut |_| true);
    let before = run(&first).expect("restored").picture;
    let moved = run(&second).expect("restored").picture;
    assert!(largest_difference(&moved, &before) < PICTURE, "the other device");
    assert_eq!(largest_difference(&run(&first).expect("restored").picture, &before), 0.0, "and back");
    device.destroy();
    let error = run(&first).expect_err("there is no device");
    assert_eq!(error.kind(), Kind::Device, "{error}");
    println!("{error}");
    assert_eq!(largest_difference(&run(&second).expect("restored").picture, &moved), 0.0, "it goes on");
}

#[test]
fn what_is_no_picture_is_refused_everywhere() {
    let e = engine();
    let options = RestoreOptions::default();
    let short = vernis::Picture::from_rgb(40, 24, vec![0.5; 100]);
    let mut model = e.load("genlv").expect("shipped");
    let pair = Instruction::Pair { before: Box::new(short.clone()), after: Box::new(short.clone()) };
    let mut restore = |p: &vernis::Picture, told: &Instruction| {
        e.restore(&mut model, p, told, &options, &mut |_| true).expect_err("no picture").kind()
    };
    assert_eq!(restore(&short, &task()), Kind::Image);
    assert_eq!(restore(&picture(40, 24), &pair), Kind::Image);
    assert_eq!(vernis::compare(&short, &short).expect_err("no pictures").kind(), Kind::Image);
    let huge = e.plan(&mut model, (u32::MAX, 1), &task(), &options).expect_err("no tiles");
    assert_eq!(huge.kind(), Kind::TooLarge, "{huge}");
}

#[test]
fn an_example_pair_is_planned_as_it_is_run() {
    let e = engine();
    let mut model = e.load("genlv").expect("shipped");
    let pair = Instruction::Pair { before: Box::new(picture(28, 20)), after: Box::new(picture(28, 20)) };
    let options = RestoreOptions::default();
    let plan = e.plan(&mut model, (40, 24), &pair, &options).expect("a plan");
    let done = e.restore(&mut model, &picture(40, 24), &pair, &options, &mut |_| true).expect("restored").report;
    let figures = |r: &vernis::Report| (r.tile, r.flops, r.dispatches, r.activation_bytes, r.weight_bytes);
    assert_eq!(figures(&plan), figures(&done));
}

/// The tokens of a pair are kept for the next picture, and for no other pair.
#[test]
fn another_example_pair_gives_another_picture() {
    let e = engine();
    let mut model = e.load("genlv").expect("shipped");
    let options = RestoreOptions::default();
    let dark = vernis::Picture { rgb: picture(28, 20).rgb.iter().map(|v| v * 0.2).collect(), ..picture(28, 20) };
    let pair = |before: &vernis::Picture| Instruction::Pair {
        before: Box::new(before.clone()),
        after: Box::new(picture(28, 20)),
    };
    let mut run = |told: &Instruction| {
        e.restore(&mut model, &picture(40, 24), told, &options, &mut |_| true).expect("restored").picture
    };
    let (first, other) = (run(&pair(&picture(28, 20))), run(&pair(&dark)));
    assert!(largest_difference(&first, &other) > 0.0);
    assert_eq!(largest_difference(&other, &run(&pair(&dark))), 0.0);
    assert_eq!(largest_difference(&first, &run(&pair(&picture(28, 20)))), 0.0);
}

#[test]
fn engines_and_models_can_be_sent_to_other_threads() {
    fn sent<T: Send>() {}
    fn shared<T: Sync>() {}
    sent::<Engine>();
    shared::<Engine>();
    sent::<vernis::Model>();
}

#[test]
fn progress_rises_to_one_and_cancels() {
    let e = engine();
    let mut model = e.load("nafnet-denoise").expect("shipped");
    let options = RestoreOptions { tile: TileChoice::Edge(32), ..RestoreOptions::default() };
    let input = picture(80, 48);
    let mut seen = Vec::new();
    e.restore(&mut model, &input, &task(), &options, &mut |share| {
        seen.push(share);
        true
    })
    .expect("restored");
    assert!(seen.windows(2).all(|w| w[0] <= w[1]), "{seen:?}");
    assert!((seen.last().copied().unwrap_or(0.0) - 1.0).abs() < 1e-6);
    let error = e.restore(&mut model, &input, &task(), &options, &mut |_| false).expect_err("cancelled");
    assert_eq!(error.kind(), Kind::Cancelled);
    // The model still works.
    e.restore(&mut model, &input, &task(), &options, &mut |_| true).expect("restored after a cancel");
}

#[test]
fn half_storage_gives_nearly_the_same_picture() {
    let e = engine();
    let mut model = e.load("nafnet-denoise").expect("shipped");
    let input = picture(48, 40);
    let mut run = |precision| {
        let options = RestoreOptions { precision, ..RestoreOptions::default() };
        e.restore(&mut model, &input, &task(), &options, &mut |_| true).expect("restored")
    };
    let (full, half) = (run(Precision::F32), run(Precision::F16));
    assert_eq!((full.report.precision.as_str(), half.report.precision.as_str()), ("f32", "f16"));
    let difference = largest_difference(&full.picture, &half.picture);
    assert!(difference < 0.02 && difference > 0.0, "{difference}");
}

#[test]
fn the_plan_is_what_runs_and_the_budget_rules() {
    let e = engine();
    let mut model = e.load("nafnet-denoise").expect("shipped");
    let input = picture(200, 120);
    let options = RestoreOptions::default();
    let plan = e.plan(&mut model, (200, 120), &task(), &options).expect("a plan");
    let done = e.restore(&mut model, &input, &task(), &options, &mut |_| true).expect("restored").report;
    assert_eq!((plan.tiles, plan.tile, plan.peak_bytes()), (done.tiles, done.tile, done.peak_bytes()));
    let tight = RestoreOptions { memory_budget: plan.peak_bytes() * 2 / 3, ..options.clone() };
    let smaller = e.plan(&mut model, (200, 120), &task(), &tight).expect("a plan of smaller tiles");
    assert!(smaller.tiles > plan.tiles && smaller.peak_bytes() <= tight.memory_budget, "{smaller:?}");
    let stubborn = RestoreOptions { tile: TileChoice::Off, ..tight };
    assert_eq!(e.plan(&mut model, (200, 120), &task(), &stubborn).expect_err("too much").kind(), Kind::Memory);
}

#[test]
fn a_device_that_is_not_there_is_an_error_that_helps() {
    let options = EngineOptions { device: DeviceChoice::Name("no such adapter".into()), ..EngineOptions::default() };
    let error = Engine::new(&options).err().expect("no such adapter");
    assert_eq!(error.kind(), Kind::NoDevice);
    assert!(
        error.to_string().contains("called no such adapter") && error.to_string().contains("vernis devices"),
        "{error}"
    );
}
