//! Floor 1: kernels as data. Assembles shader sources and describes dispatches; knows nothing of wgpu, so all of it
//! can be tested without a GPU.

pub mod command;
pub mod dispatch;
pub mod key;
pub mod source;
pub mod target;

/// What the build script read from the validated shaders.
#[allow(clippy::pedantic)]
pub mod generated {
    include!(concat!(env!("OUT_DIR"), "/kernels.rs"));
}

pub use generated::bindings_of as interface_of;

pub use command::{Commands, Slot, Step};
pub use dispatch::{Binding, Dispatch, ParamId, TensorId};
pub use key::Key;
pub use target::{Contraction, Target};

/// The host's view of a kernel, implemented by the generated `Params` structs.
pub trait Interface: bytemuck::Pod {
    /// Path below shaders/ without the extension.
    const NAME: &'static str;
    /// Storage bindings in order: name and whether the kernel writes it.
    const BINDINGS: &'static [(&'static str, bool)];
}
