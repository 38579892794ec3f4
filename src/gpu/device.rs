//! Adapters: list them, choose one, open it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::available_parallelism;

use super::cooperative;
use super::pipelines::Pipelines;
use crate::base::{Error, Kind, Result, caught};
use crate::kernel::target::GPU_DISPATCH;
use crate::kernel::{Contraction, Target};

/// Which adapter to use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The first discrete, then integrated GPU; a software adapter only when nothing else exists.
    #[default]
    Auto,
    /// The adapter at this index of [`list_adapters`]; from 100 on, where the list is shorter, the number is part of a name.
    Index(usize),
    /// The first adapter whose name, driver or PCI id contains this text, ignoring case; `cpu` means any software one.
    Name(String),
}

impl std::str::FromStr for DeviceChoice {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.parse() {
            Ok(index) => DeviceChoice::Index(index),
            Err(_) if text.eq_ignore_ascii_case("auto") || text.is_empty() => DeviceChoice::Auto,
            Err(_) => DeviceChoice::Name(text.to_owned()),
        })
    }
}

/// One adapter as `vernis devices` shows it.
#[derive(Debug, Clone)]
pub struct AdapterSummary {
    pub index: usize,
    pub name: String,
    pub backend: String,
    pub driver: String,
    pub kind: String,
    pub pci: String,
    pub software: bool,
    /// Lanes of a subgroup when they are all equal.
    pub subgroup: Option<u32>,
    pub f16: bool,
    pub timestamps: bool,
    pub immediates: bool,
    pub cooperative_matrix: bool,
    pub max_binding_bytes: u64,
}

/// An open device with its pipelines.
pub struct Gpu {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) pipelines: Pipelines,
    summary: AdapterSummary,
    target: Target,
    candidates: Vec<Contraction>,
    id: u64,
    /// Why the device is gone for good.
    lost: Arc<Mutex<Option<String>>>,
    /// An error that nobody was waiting for, until it is told.
    stray: Arc<Mutex<Option<String>>>,
}

/// The number of the next device that is opened.
static NEXT: AtomicU64 = AtomicU64::new(0);

fn instance() -> wgpu::Instance {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    // GL reports software adapters as if they were GPUs and lacks what the kernels need.
    descriptor.backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
    descriptor.flags = wgpu::InstanceFlags::empty();
    wgpu::Instance::new(descriptor)
}

fn adapters() -> Vec<(wgpu::Adapter, AdapterSummary)> {
    let instance = instance();
    pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()))
        .into_iter()
        .enumerate()
        .map(|(index, adapter)| {
            let summary = summarise(index, &adapter);
            (adapter, summary)
        })
        .collect()
}

fn summarise(index: usize, adapter: &wgpu::Adapter) -> AdapterSummary {
    let info = adapter.get_info();
    let features = adapter.features();
    let fixed = info.subgroup_min_size == info.subgroup_max_size && features.contains(wgpu::Features::SUBGROUP);
    AdapterSummary {
        index,
        name: info.name.clone(),
        backend: info.backend.to_string(),
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        kind: format!("{:?}", info.device_type),
        pci: info.device_pci_bus_id.clone(),
        software: info.device_type == wgpu::DeviceType::Cpu,
        subgroup: fixed.then_some(info.subgroup_min_size),
        f16: features.contains(wgpu::Features::SHADER_F16),
        timestamps: features.contains(wgpu::Features::TIMESTAMP_QUERY),
        immediates: features.contains(wgpu::Features::IMMEDIATES),
        cooperative_matrix: features.contains(wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX),
        max_binding_bytes: adapter.limits().max_storage_buffer_binding_size,
    }
}

/// Broadcast kernels pay where lanes are SIMD lanes of a CPU; a GPU wants its workgroup memory, and none was seen to gain
/// from them. Cooperative matrices come behind the tiles, because no GPU has been seen to gain from them yet: the tuning
/// decides. The plain kernel is last: nothing else is slower.
fn candidates(
    summary: &AdapterSummary,
    features: wgpu::Features,
    cooperative: Option<Contraction>,
) -> Vec<Contraction> {
    let mut out = Vec::new();
    if let Some(lanes @ (4 | 8 | 16)) = summary.subgroup.filter(|_| summary.software) {
        if features.contains(wgpu::Features::SHADER_INT64) {
            out.push(Contraction::Wide { lanes });
        }
        out.extend([1, 2].map(|cols| Contraction::Subgroup { lanes, cols }));
    }
    out.extend([8, 4].map(|rows| Contraction::Tiled { rows }));
    out.extend(cooperative);
    out.push(Contraction::Plain);
    out
}

/// LLVM 15 (Mesa 22.3) wants short private arrays, LLVM 19 and 20 (Mesa 25) long ones; what lies between was not tried.
/// A wrong guess costs time and nothing else.
fn coarse_pieces(driver: &str) -> bool {
    let llvm =
        driver.split_once("LLVM ").map(|(_, rest)| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
    llvm.and_then(|version| version.parse::<u32>().ok()).is_none_or(|version| version > 15)
}

/// Every adapter of the Vulkan, Metal and DX12 back ends, in index order.
pub fn list_adapters() -> Vec<AdapterSummary> {
    adapters().into_iter().map(|(_, s)| s).collect()
}

fn no_device(why: String) -> Error {
    Error::new(Kind::NoDevice, "no usable GPU adapter").why(why).advice(
        "install the Vulkan driver of your GPU and its loader (Debian/Ubuntu: libvulkan1 and mesa-vulkan-drivers; \
         mesa-vulkan-drivers also brings a software adapter for machines without a GPU; containers need the \
         vendor's graphics capability); `vernis devices` lists what is found",
    )
}

fn unknown_device(name: &str, found: Option<String>) -> Error {
    Error::new(Kind::NoDevice, format!("no adapter is called {name}"))
        .why(format!("there is {}", found.unwrap_or_default()))
        .advice("give its index, a part of its name or driver, its PCI id, or `cpu`; `vernis devices` lists them")
}

/// The first adapter whose name, driver or PCI id contains `text`; `cpu` and `software` mean any software one.
fn called(list: Vec<(wgpu::Adapter, AdapterSummary)>, text: &str) -> Option<(wgpu::Adapter, AdapterSummary)> {
    let text = text.to_lowercase();
    let software = matches!(text.as_str(), "cpu" | "software");
    list.into_iter().find(|(_, s)| {
        (software && s.software) || [&s.name, &s.driver, &s.pci].iter().any(|f| f.to_lowercase().contains(&text))
    })
}

fn choose(
    list: Vec<(wgpu::Adapter, AdapterSummary)>,
    choice: &DeviceChoice,
) -> Result<(wgpu::Adapter, AdapterSummary)> {
    let found = (!list.is_empty())
        .then(|| list.iter().map(|(_, s)| format!("{}: {}", s.index, s.name)).collect::<Vec<_>>().join(", "));
    let rank = |s: &AdapterSummary| match s.kind.as_str() {
        "DiscreteGpu" => 0,
        "IntegratedGpu" => 1,
        "VirtualGpu" => 2,
        _ if s.software => 4,
        _ => 3,
    };
    let picked = match choice {
        DeviceChoice::Auto => list.into_iter().min_by_key(|(_, s)| (rank(s), s.index)),
        // 4090 is no index but a name; a small number is an index, also where it stands in the name of a compiler.
        DeviceChoice::Index(i) if *i >= list.len() && *i >= 100 => called(list, &i.to_string()),
        DeviceChoice::Index(i) => list.into_iter().nth(*i),
        DeviceChoice::Name(text) => called(list, text),
    };
    picked.ok_or_else(|| match choice {
        DeviceChoice::Auto => no_device("looked for Vulkan, Metal and DX12 adapters and found none".into()),
        DeviceChoice::Index(_) | DeviceChoice::Name(_) if found.is_none() => {
            no_device("looked for Vulkan, Metal and DX12 adapters and found none".into())
        }
        DeviceChoice::Index(i) => unknown_device(&i.to_string(), found),
        DeviceChoice::Name(name) => unknown_device(name, found),
    })
}

impl Gpu {
    /// Opens an adapter with the features and limits it offers; none beyond WebGPU's core is required.
    pub fn open(choice: &DeviceChoice) -> Result<Gpu> {
        let (adapter, summary) = choose(adapters(), choice)?;
        let mut matrices = cooperative::offered(&adapter);
        let request = |matrices: Option<Contraction>| {
            pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
                label: Some("vernis"),
                required_features: (Gpu::wanted_features() & adapter.features())
                    | matrices.map_or(wgpu::Features::empty(), cooperative::features),
                required_limits: adapter.limits(),
                experimental_features: match matrices {
                    // SAFETY: one kernel uses cooperative matrices, inside workgroup memory and in uniform control flow;
                    // what wgpu may get wrong about them, its case table finds.
                    Some(_) => unsafe { wgpu::ExperimentalFeatures::enabled() },
                    None => wgpu::ExperimentalFeatures::disabled(),
                },
                memory_hints: wgpu::MemoryHints::MemoryUsage,
                trace: wgpu::Trace::Off,
            }))
        };
        let mut opened = request(matrices);
        if opened.is_err() && matrices.take().is_some() {
            // An experimental feature may be offered and not delivered.
            opened = request(None);
        }
        let (device, queue) =
            opened.map_err(|e| no_device(format!("the adapter {} refused to open: {e}", summary.name)))?;
        let gpu = Gpu::from_parts(device, queue, summary, matrices)?;
        gpu.listen();
        Ok(gpu)
    }

    /// Wraps a device and queue of the host program. Features the host did not enable are not used, and the callbacks that
    /// the host set for errors and a lost device stay its own.
    pub fn from_wgpu(adapter: &wgpu::Adapter, device: wgpu::Device, queue: wgpu::Queue) -> Result<Gpu> {
        Gpu::from_parts(device, queue, summarise(0, adapter), cooperative::offered(adapter))
    }

    /// What is used where it is offered: a host that creates the device itself should enable these. Cooperative matrices
    /// are not among them, because wgpu asks for an unsafe promise with experimental features; a host that makes it and
    /// enables `EXPERIMENTAL_COOPERATIVE_MATRIX` and `SHADER_F16` has them tried too when the engine tunes.
    pub fn wanted_features() -> wgpu::Features {
        wgpu::Features::SUBGROUP
            | wgpu::Features::IMMEDIATES
            | wgpu::Features::TIMESTAMP_QUERY
            | wgpu::Features::SHADER_INT64
    }

    fn from_parts(
        device: wgpu::Device,
        queue: wgpu::Queue,
        mut summary: AdapterSummary,
        matrices: Option<Contraction>,
    ) -> Result<Gpu> {
        let features = device.features();
        let limits = device.limits();
        summary.subgroup = summary.subgroup.filter(|_| features.contains(wgpu::Features::SUBGROUP));
        summary.timestamps &= features.contains(wgpu::Features::TIMESTAMP_QUERY);
        let immediates = features.contains(wgpu::Features::IMMEDIATES) && limits.max_immediate_size >= 128;
        let matrices = matrices.filter(|m| cooperative::runs_on(*m, &device));
        let candidates = candidates(&summary, features, matrices);
        let contraction = candidates[0];
        let target = Target {
            subgroup: summary.subgroup,
            immediates,
            max_workgroup_invocations: limits.max_compute_invocations_per_workgroup,
            max_binding_bytes: limits.max_storage_buffer_binding_size,
            contraction,
            parallelism: if summary.software { 16 } else { 512 },
            workers: available_parallelism().map_or(2, |n| n.get() as u32),
            dispatch_flops: if summary.software { u64::MAX } else { GPU_DISPATCH },
            coarse_pieces: coarse_pieces(&summary.driver),
            settled: false,
        };
        Ok(Gpu {
            device,
            queue,
            pipelines: Pipelines::new(immediates, false),
            summary,
            target,
            candidates,
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            lost: Arc::default(),
            stray: Arc::default(),
        })
    }

    /// Notes what wgpu reports outside error scopes, for [`Gpu::check`], where it would panic otherwise.
    fn listen(&self) {
        let sink = Arc::clone(&self.lost);
        self.device.set_device_lost_callback(move |reason, message| {
            if let Ok(mut slot) = sink.lock() {
                *slot = Some(format!("{reason:?}: {message}"));
            }
        });
        let sink = Arc::clone(&self.stray);
        self.device.on_uncaptured_error(Arc::new(move |e: wgpu::Error| {
            if let Ok(mut slot) = sink.lock() {
                slot.get_or_insert_with(|| e.to_string());
            }
        }));
    }

    pub fn summary(&self) -> &AdapterSummary {
        &self.summary
    }

    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Contraction families this device can run, the likeliest first.
    pub fn contraction_candidates(&self) -> &[Contraction] {
        &self.candidates
    }

    /// Overrides what lowering assumes, for tests and tuning. Only capabilities the device has may be named.
    pub fn set_contraction(&mut self, family: Contraction) {
        self.target.contraction = family;
    }

    /// Unlike that of every other device that this process has opened.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Why the device is gone, if it is: nothing runs on it again, and another has to be opened.
    pub fn lost(&self) -> Option<String> {
        self.lost.lock().ok().and_then(|slot| slot.clone())
    }

    /// Tells the kernels that this device's packing of f16 rounds toward zero; f16 plans made before are not changed.
    pub fn set_truncating(&mut self, truncates: bool) {
        self.pipelines = Pipelines::new(self.pipelines.immediates(), truncates);
    }

    /// The error that ended the device, or one that nobody has heard of yet.
    pub fn check(&self) -> Result<()> {
        let stray = || self.stray.lock().ok().and_then(|mut slot| slot.take());
        match self.lost().or_else(stray) {
            Some(why) => Err(self.failed(why)),
            None => Ok(()),
        }
    }

    fn failed(&self, why: impl std::fmt::Display) -> Error {
        Error::new(Kind::Device, format!("the device {} failed", self.summary.name))
            .why(why)
            .advice("run again; if it happens again use a smaller --tile or another --device")
    }

    /// Waits until all submitted work is done.
    pub fn wait(&self) -> Result<()> {
        // wgpu panics where the driver says that the device is gone.
        match caught(|| self.device.poll(wgpu::PollType::wait_indefinitely())) {
            Some(Ok(_)) => self.check(),
            Some(Err(e)) => Err(self.failed(e)),
            None => {
                let mut slot = self.lost.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                Err(self.failed(slot.get_or_insert_with(|| "the driver lost it, or ran out of memory".into())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiler_is_read_from_the_driver() {
        assert!(!coarse_pieces("llvmpipe Mesa 22.3.6 (LLVM 15.0.6)"));
        assert!(coarse_pieces("llvmpipe Mesa 25.0.7-2 (LLVM 19.1.7)"));
        assert!(coarse_pieces("a driver of another kind"));
    }
}
