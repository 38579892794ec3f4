//! wgpu errors as values: every creation runs inside error scopes.

use crate::base::{Error, Kind, Result, caught};

/// Runs `work` and returns the first wgpu error it raised, as an [`Error`] that names `what`.
pub fn scoped<T>(device: &wgpu::Device, what: &str, work: impl FnOnce() -> T) -> Result<T> {
    let internal = device.push_error_scope(wgpu::ErrorFilter::Internal);
    let memory = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
    let validation = device.push_error_scope(wgpu::ErrorFilter::Validation);
    // A driver compiler may panic inside wgpu; that too is an error of the device, not of the caller.
    let value = caught(work);
    let errors =
        [pollster::block_on(validation.pop()), pollster::block_on(memory.pop()), pollster::block_on(internal.pop())];
    if let Some(e) = errors.into_iter().flatten().next() {
        return Err(translate(what, &e));
    }
    value.ok_or_else(|| Error::new(Kind::Device, what).why("the driver failed while it compiled or created this"))
}

fn translate(what: &str, e: &wgpu::Error) -> Error {
    match e {
        wgpu::Error::OutOfMemory { .. } => Error::new(Kind::Memory, what)
            .why("the device is out of memory")
            .advice("use a smaller --tile, or close other programs that use the GPU"),
        other => Error::new(Kind::Device, what).why(other.to_string()),
    }
}
