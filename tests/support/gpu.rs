//! The device of the tests: `VERNIS_TEST_DEVICE` (index, part of a name, `auto`), opened once for a test binary, and the
//! contraction families they run: all, or those whose name holds `VERNIS_TEST_FAMILY` (such as `Cooperative`).

use std::sync::OnceLock;

use vernis::gpu::{DeviceChoice, Gpu};
use vernis::kernel::{Contraction, Target};

/// A device and what kernels it is asked to run.
#[derive(Clone)]
pub struct Family {
    pub name: String,
    pub gpu: &'static Gpu,
    pub target: Target,
}

/// What `VERNIS_TEST_DEVICE` asks for.
pub fn choice() -> DeviceChoice {
    match std::env::var("VERNIS_TEST_DEVICE").unwrap_or_default().parse() {
        Ok(choice) => choice,
        Err(never) => match never {},
    }
}

/// Opens another device of the same kind; tests that change its settings use one of their own.
pub fn open() -> Gpu {
    match Gpu::open(&choice()) {
        Ok(gpu) => gpu,
        // Tests without a device would pass without having tested anything.
        Err(e) => panic!("the tests need a GPU or a software adapter: {e}"),
    }
}

/// The shared device.
pub fn gpu() -> &'static Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    GPU.get_or_init(|| {
        let gpu = open();
        eprintln!("testing on {} ({}), {:?}", gpu.summary().name, gpu.summary().driver, gpu.target());
        gpu
    })
}

/// The same adapter with WebGPU's core limits and no feature: parameters in a uniform window, no subgroups. The second
/// value is the device below.
pub fn core_with_device() -> (Gpu, wgpu::Device) {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
    let instance = wgpu::Instance::new(descriptor);
    let index = gpu().summary().index;
    let adapter = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()))
        .into_iter()
        .nth(index)
        .expect("the adapter was there a moment ago");
    let request = adapter.request_device(&wgpu::DeviceDescriptor {
        label: Some("core limits"),
        required_features: wgpu::Features::empty(),
        required_limits: wgpu::Limits::default(),
        ..Default::default()
    });
    let (device, queue) = pollster::block_on(request).expect("core limits are offered everywhere");
    let gpu = Gpu::from_wgpu(&adapter, device.clone(), queue).expect("core limits are enough");
    assert!(!gpu.target().immediates && gpu.target().subgroup.is_none(), "{:?}", gpu.target());
    (gpu, device)
}

/// A shared device with core limits.
pub fn core() -> &'static Gpu {
    static CORE: OnceLock<Gpu> = OnceLock::new();
    CORE.get_or_init(|| core_with_device().0)
}

fn family(name: &str, gpu: &'static Gpu, contraction: Contraction) -> Family {
    // Settled, so that all kernels of a family run.
    let mut target = Target { contraction, settled: true, ..gpu.target().clone() };
    // Those for GPUs split reductions as on a GPU.
    if target.lanes().is_none() {
        target.parallelism = 512;
    }
    Family { name: name.to_owned(), gpu, target }
}

/// Contraction families the adapter can run, as far as `VERNIS_TEST_FAMILY` asks for them.
pub fn contractions() -> Vec<Family> {
    let wanted = std::env::var("VERNIS_TEST_FAMILY").unwrap_or_default();
    let all = gpu().contraction_candidates().iter().map(|c| family(&format!("{c:?}"), gpu(), *c));
    let found: Vec<Family> = all.filter(|f| f.name.contains(&wanted)).collect();
    assert!(!found.is_empty(), "no family of this adapter is called {wanted}");
    found
}

/// What the engine chooses by itself.
pub fn native() -> Family {
    family("native", gpu(), gpu().target().contraction)
}

/// The core device, tiled.
pub fn plain() -> Family {
    family("core limits", core(), Contraction::TILED)
}
