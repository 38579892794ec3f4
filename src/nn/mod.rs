//! Floor 4: layers that more than one family is made of. Each takes the path of its module, so that keys, errors, taps
//! and timings all carry the official names.

mod build;
pub mod channel_attention;
pub mod gated_ffn;
pub mod layers;
pub mod token_attention;
pub mod unet_levels;
pub mod wanted;
pub mod window_attention;

pub use build::{Build, refuse_unread};
pub use channel_attention::mdta;
pub use gated_ffn::gdfn;
pub use layers::NormKind;
pub use token_attention::token_attention;
pub use window_attention::overlapping_window_attention;
