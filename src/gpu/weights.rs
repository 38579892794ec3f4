//! Packed weights on the device, shared by all plans of a model.

use super::device::Gpu;
use super::errors::scoped;
use crate::base::Result;

/// A growing list of read-only buffers; the index is the caller's.
#[derive(Default)]
pub struct WeightBuffers {
    buffers: Vec<wgpu::Buffer>,
    bytes: u64,
}

impl WeightBuffers {
    /// Uploads `data` and returns its index.
    pub fn push(&mut self, gpu: &Gpu, label: &str, data: &[u8]) -> Result<usize> {
        let size = (data.len() as u64).max(16).next_multiple_of(16);
        let buffer = scoped(&gpu.device, &format!("cannot upload the weight {label}"), || {
            let buffer = gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size,
                usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            let whole = data.len() / 4 * 4;
            gpu.queue.write_buffer(&buffer, 0, &data[..whole]);
            if whole < data.len() {
                let mut tail = [0; 4];
                tail[..data.len() - whole].copy_from_slice(&data[whole..]);
                gpu.queue.write_buffer(&buffer, whole as u64, &tail);
            }
            buffer
        })?;
        self.buffers.push(buffer);
        self.bytes += size;
        Ok(self.buffers.len() - 1)
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn get(&self, index: usize) -> &wgpu::Buffer {
        &self.buffers[index]
    }
}
