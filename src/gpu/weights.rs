//! Packed weights on the device, shared by all plans of a model.

use super::device::Gpu;
use super::errors::scoped;
use crate::base::Result;

/// Bytes the queue may hold in staging memory before they are sent: the copy of a large model in host memory would
/// double what the model needs.
const STAGED: u64 = 32 << 20;

/// A growing list of read-only buffers; the index is the caller's.
#[derive(Default)]
pub struct WeightBuffers {
    buffers: Vec<wgpu::Buffer>,
    bytes: u64,
    staged: u64,
}

impl WeightBuffers {
    /// Uploads `data` and returns its index.
    pub fn push(&mut self, gpu: &Gpu, label: &str, data: &[u8]) -> Result<usize> {
        let index = self.reserve(gpu, label, data.len() as u64)?;
        self.write(gpu, index, 0, data)?;
        Ok(index)
    }

    /// A buffer to be filled by [`WeightBuffers::write`].
    pub fn reserve(&mut self, gpu: &Gpu, label: &str, bytes: u64) -> Result<usize> {
        let size = bytes.max(16).next_multiple_of(16);
        let buffer = scoped(&gpu.device, &format!("cannot allocate the weight {label}"), || {
            gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size,
                usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        })?;
        self.buffers.push(buffer);
        self.bytes += size;
        Ok(self.buffers.len() - 1)
    }

    /// Writes `data` at byte `offset`, a multiple of 4; only the last write of a buffer may have another length.
    pub fn write(&mut self, gpu: &Gpu, index: usize, offset: u64, data: &[u8]) -> Result<()> {
        let buffer = &self.buffers[index];
        scoped(&gpu.device, "cannot upload a weight", || {
            let whole = data.len() / 4 * 4;
            gpu.queue.write_buffer(buffer, offset, &data[..whole]);
            if whole < data.len() {
                let mut tail = [0; 4];
                tail[..data.len() - whole].copy_from_slice(&data[whole..]);
                gpu.queue.write_buffer(buffer, offset + whole as u64, &tail);
            }
        })?;
        self.staged += data.len() as u64;
        if self.staged > STAGED {
            self.staged = 0;
            gpu.flush()?;
        }
        Ok(())
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn get(&self, index: usize) -> &wgpu::Buffer {
        &self.buffers[index]
    }
}
