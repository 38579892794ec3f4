//! vernis restores photographs on any Vulkan, Metal or DX12 device, through its own WGSL kernels.
//!
//! ```no_run
//! use vernis::{Engine, EngineOptions, Instruction, RestoreOptions, decode_file};
//!
//! # fn main() -> vernis::Result<()> {
//! let engine = Engine::new(&EngineOptions::default())?;
//! let mut model = engine.load_for_task("denoise")?;
//! let noisy = decode_file("noisy.png", &Default::default())?;
//! let task = Instruction::Task("denoise".into());
//! let restored = engine.restore(&mut model, &noisy, &task, &RestoreOptions::default(), &mut |_| true)?;
//! println!("{:.2} s on {}", restored.report.seconds, restored.report.adapter);
//! # Ok(())
//! # }
//! ```
//!
//! What is re-exported here is the public interface. The modules below it are public for the tests, the benches and the
//! curious; they follow the floors of ARCHITECTURE.md and may change in any release.

#![warn(missing_docs)]

#[doc(hidden)]
pub mod base;
#[doc(hidden)]
pub mod checkpoint;
#[doc(hidden)]
pub mod degrade;
#[doc(hidden)]
pub mod diffusion;
#[doc(hidden)]
pub mod gpu;
#[doc(hidden)]
pub mod graph;
#[doc(hidden)]
pub mod image;
#[doc(hidden)]
pub mod kernel;
#[doc(hidden)]
pub mod models;
#[doc(hidden)]
pub mod nn;
#[doc(hidden)]
pub mod ops;
#[doc(hidden)]
pub mod run;
#[doc(hidden)]
pub mod text;

mod api;
#[cfg(feature = "cli")]
pub mod cli;

pub use api::*;
pub use wgpu;
