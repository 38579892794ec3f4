//! Buffers that are only copied: what moving data to, from and on a device costs without any kernel.

use std::time::Duration;

use super::device::Gpu;
use super::errors::scoped;
use crate::base::{Error, Kind, Result};

/// How long the answer to a finished copy may take: one that never comes is an error, not a program that hangs.
const ANSWER: Duration = Duration::from_secs(10);

const READING: &str = "reading back from the device failed";

impl Gpu {
    /// Sends pending uploads to the device and waits until they have arrived.
    pub fn flush(&self) -> Result<()> {
        scoped(&self.device, "cannot send data to the device", || self.queue.submit([]))?;
        self.wait()
    }

    /// Waits for the device and hands the first `bytes` of a mappable buffer to `take`.
    pub(super) fn read(&self, buffer: &wgpu::Buffer, bytes: u64, take: &mut dyn FnMut(&[u8])) -> Result<()> {
        let failed = |why: String| Error::new(Kind::Device, READING).why(why);
        let slice = buffer.slice(..bytes);
        let (send, receive) = std::sync::mpsc::channel();
        scoped(&self.device, READING, || slice.map_async(wgpu::MapMode::Read, move |r| drop(send.send(r))))?;
        self.wait()?;
        // The device is done; another thread that waited for it may still be about to hand the answer on.
        receive.recv_timeout(ANSWER).map_err(|e| failed(e.to_string()))?.map_err(|e| failed(e.to_string()))?;
        take(&slice.get_mapped_range().map_err(|e| failed(e.to_string()))?);
        buffer.unmap();
        Ok(())
    }

    /// Submits copies of the first `bytes` of one buffer to another; not waited for.
    pub(super) fn copy(&self, from: &wgpu::Buffer, to: &wgpu::Buffer, bytes: u64, times: u32) -> Result<()> {
        scoped(&self.device, "the device refused a copy", || {
            let mut encoder =
                self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("copy") });
            for _ in 0..times {
                encoder.copy_buffer_to_buffer(from, 0, to, 0, bytes);
            }
            self.queue.submit([encoder.finish()]);
        })
    }
}

/// Two device buffers of one size and a mappable third.
pub struct Transfer {
    from: wgpu::Buffer,
    to: wgpu::Buffer,
    mapped: wgpu::Buffer,
    bytes: u64,
}

impl Transfer {
    /// `bytes` is a multiple of 4.
    pub fn new(gpu: &Gpu, bytes: u64) -> Result<Transfer> {
        let make = |usage| {
            gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("transfer"),
                size: bytes,
                usage,
                mapped_at_creation: false,
            })
        };
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
        scoped(&gpu.device, "cannot allocate the buffers of a copy", || Transfer {
            from: make(usage),
            to: make(usage),
            mapped: make(wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST),
            bytes,
        })
    }

    /// Host to device, waited for.
    pub fn upload(&self, gpu: &Gpu, data: &[u8]) -> Result<()> {
        let data = &data[..self.bytes as usize];
        scoped(&gpu.device, "cannot send data to the device", || gpu.queue.write_buffer(&self.from, 0, data))?;
        gpu.flush()
    }

    /// From one device buffer to the other, `times` times in one submit, waited for.
    pub fn copy(&self, gpu: &Gpu, times: u32) -> Result<()> {
        gpu.copy(&self.from, &self.to, self.bytes, times)?;
        gpu.wait()
    }

    /// Device to host, into `out`.
    pub fn read(&self, gpu: &Gpu, out: &mut Vec<u8>) -> Result<()> {
        gpu.copy(&self.to, &self.mapped, self.bytes, 1)?;
        out.clear();
        gpu.read(&self.mapped, self.bytes, &mut |bytes| out.extend_from_slice(bytes))
    }
}
