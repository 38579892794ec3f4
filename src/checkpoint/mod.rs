//! Floor 1: weights in files. A [`StateDict`] is a set of named tensors, whatever file or rule they come from; tensors
//! are decoded one by one, when they are asked for.

pub mod adapters;
pub mod case;
pub mod element;
mod entry;
pub mod generate;
mod heap;
pub mod low_rank;
pub mod merged;
pub mod names;
mod pickle;
pub mod prepack;
mod pth;
mod safetensors;
mod shards;
pub mod store;
mod torch_objects;
pub mod write;
mod zip;

pub use case::Case;
pub use element::Element;
pub use generate::GeneratedWeights;
pub use store::StateDict;
pub use write::{Data, write_safetensors};
