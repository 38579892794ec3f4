//! Compiled pipelines by key.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{available_parallelism, scope};

use super::errors::scoped;
use crate::base::Result;
use crate::kernel::Key;

/// Bytes between two parameter blocks in the uniform window: WebGPU's offset alignment.
pub const PARAM_STRIDE: u64 = 256;

/// A pipeline and the layout its bind groups need.
pub struct Compiled {
    pub pipeline: wgpu::ComputePipeline,
    pub layout: wgpu::BindGroupLayout,
}

/// A kernel that is about to be needed; `bindings` and `params` as for [`Pipelines::get`].
pub struct Wanted<'a> {
    pub key: &'a Key,
    pub bindings: &'a [(&'a str, bool)],
    pub params: usize,
}

/// Compiles each key once.
pub struct Pipelines {
    immediates: bool,
    truncates: bool,
    compiled: Mutex<HashMap<Key, Arc<Compiled>>>,
}

impl Pipelines {
    /// `truncates`: packing f16 rounds toward zero on this device.
    pub fn new(immediates: bool, truncates: bool) -> Self {
        Pipelines { immediates, truncates, compiled: Mutex::default() }
    }

    pub fn immediates(&self) -> bool {
        self.immediates
    }

    /// Pipelines compiled so far.
    pub fn count(&self) -> usize {
        self.compiled.lock().map_or(0, |c| c.len())
    }

    /// Compiles what is missing of these kernels, on several threads: a driver takes from milliseconds to seconds for
    /// each, and does not mind company.
    pub fn prepare(&self, device: &wgpu::Device, wanted: &[Wanted]) -> Result<()> {
        let known: HashSet<Key> = self.compiled.lock().map_or_else(|_| HashSet::new(), |c| c.keys().cloned().collect());
        let mut seen = HashSet::new();
        let missing: Vec<&Wanted> = wanted.iter().filter(|w| !known.contains(w.key) && seen.insert(w.key)).collect();
        let next = AtomicUsize::new(0);
        let work = || -> Result<()> {
            while let Some(w) = missing.get(next.fetch_add(1, Ordering::Relaxed)) {
                self.get(device, w.key, w.bindings, w.params)?;
            }
            Ok(())
        };
        let threads = available_parallelism().map_or(1, usize::from).min(missing.len());
        scope(|s| {
            let others: Vec<_> = (1..threads).map(|_| s.spawn(work)).collect();
            let mine = work();
            // What a thread that panicked leaves is compiled, or fails again, when it is bound.
            others.into_iter().map(|t| t.join().unwrap_or(Ok(()))).fold(mine, Result::and)
        })
    }

    /// The pipeline of `key`; `bindings` says for each storage binding whether the kernel writes it.
    pub fn get(
        &self,
        device: &wgpu::Device,
        key: &Key,
        bindings: &[(&str, bool)],
        params: usize,
    ) -> Result<Arc<Compiled>> {
        if let Some(found) = self.compiled.lock().ok().and_then(|c| c.get(key).cloned()) {
            return Ok(found);
        }
        let wgsl = key.wgsl(self.immediates, self.truncates)?;
        let compiled = scoped(device, &format!("cannot compile the kernel {}", key.shader), || {
            self.compile(device, key, &wgsl, bindings, params)
        })?;
        let compiled = Arc::new(compiled);
        if let Ok(mut map) = self.compiled.lock() {
            map.insert(key.clone(), Arc::clone(&compiled));
        }
        Ok(compiled)
    }

    fn compile(
        &self,
        device: &wgpu::Device,
        key: &Key,
        wgsl: &str,
        bindings: &[(&str, bool)],
        params: usize,
    ) -> Compiled {
        // SAFETY: all kernels are ours. Their indices are bounded by shapes proven when the graph is built, their
        // loops end, and they divide by sizes that are never zero, so the injected checks protect nothing.
        let module = unsafe {
            device.create_shader_module_trusted(
                wgpu::ShaderModuleDescriptor { label: Some(key.shader), source: wgpu::ShaderSource::Wgsl(wgsl.into()) },
                wgpu::ShaderRuntimeChecks::unchecked(),
            )
        };
        let mut entries = Vec::new();
        let entry = |binding: u32, ty: wgpu::BufferBindingType| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
            count: None,
        };
        if !self.immediates {
            entries.push(entry(0, wgpu::BufferBindingType::Uniform));
        }
        for (i, (_, writes)) in bindings.iter().enumerate() {
            entries.push(entry(i as u32 + 1, wgpu::BufferBindingType::Storage { read_only: !writes }));
        }
        let layout = device
            .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(key.shader), entries: &entries });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(key.shader),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: if self.immediates { params as u32 } else { 0 },
        });
        let constants: Vec<(&str, f64)> = key.constants.iter().map(|(n, v)| (*n, f64::from(*v))).collect();
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(key.shader),
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &constants,
                // Every kernel writes its workgroup memory before it reads it.
                zero_initialize_workgroup_memory: false,
            },
            cache: None,
        });
        Compiled { pipeline, layout }
    }
}
