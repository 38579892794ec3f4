//! The case tables, one file an op.

pub mod attention {
    pub mod channel_gram;
    pub mod channel_project;
    pub mod channel_softmax;
    pub mod global_attention;
    pub mod window_attention;
}
pub mod conv {
    pub mod depthwise;
}
pub mod elementwise {
    pub mod activation;
    pub mod binary;
    pub mod gate;
}
pub mod matmul {
    pub mod contract;
    pub mod fused;
}
pub mod norm {
    pub mod layer_norm;
    pub mod row_stats;
}
pub mod reduce {
    pub mod box_mean;
    pub mod mean;
}
pub mod resample {
    pub mod concat;
    pub mod pixel_shuffle;
    pub mod pixel_unshuffle;
    pub mod resize;
    pub mod window;
}

use crate::support::case::Case;

/// The table of every stem.
#[allow(dead_code)]
pub fn all() -> Vec<(&'static str, fn() -> Vec<Case>)> {
    vec![
        ("attention/channel_gram", attention::channel_gram::cases),
        ("attention/channel_softmax", attention::channel_softmax::cases),
        ("attention/channel_project", attention::channel_project::cases),
        ("attention/global_attention", attention::global_attention::cases),
        ("attention/window_attention", attention::window_attention::cases),
        ("conv/depthwise", conv::depthwise::cases),
        ("elementwise/activation", elementwise::activation::cases),
        ("elementwise/binary", elementwise::binary::cases),
        ("elementwise/gate", elementwise::gate::cases),
        ("matmul/contract", matmul::contract::cases),
        ("norm/layer_norm", norm::layer_norm::cases),
        ("norm/row_stats", norm::row_stats::cases),
        ("reduce/box_mean", reduce::box_mean::cases),
        ("reduce/mean", reduce::mean::cases),
        ("resample/concat", resample::concat::cases),
        ("resample/pixel_shuffle", resample::pixel_shuffle::cases),
        ("resample/pixel_unshuffle", resample::pixel_unshuffle::cases),
        ("resample/resize", resample::resize::cases),
        ("resample/window", resample::window::cases),
    ]
}

#[test]
fn every_op_has_a_table() {
    let stems: Vec<&str> = all().iter().map(|(stem, _)| *stem).collect();
    assert_eq!(stems, vernis::ops::STEMS);
    for (stem, cases) in all() {
        assert!(!cases().is_empty(), "{stem}");
    }
}
