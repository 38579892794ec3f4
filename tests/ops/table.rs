//! The case tables, one file an op.

pub mod attention {
    pub mod channel_gram;
    pub mod channel_project;
    pub mod channel_softmax;
    pub mod channel_topm;
    pub mod global_attention;
    pub mod prompt_select;
    pub mod window_attention;
}
pub mod conv {
    pub mod depthwise;
}
pub mod elementwise {
    pub mod activation;
    pub mod add_table;
    pub mod binary;
    pub mod blend;
    pub mod dual_gate;
    pub mod gate;
    pub mod modulate;
}
pub mod matmul {
    pub mod contract;
    pub mod cooperative;
    pub mod fused;
    pub mod low_rank;
    pub mod merge;
    pub mod tiled;
    pub mod unet;
}
pub mod norm {
    pub mod group_moments;
    pub mod group_norm;
    pub mod group_stats;
    pub mod layer_norm;
    pub mod row_stats;
}
pub mod reduce {
    pub mod adaptive_mean;
    pub mod box_mean;
    pub mod mean;
    pub mod weighted_rows;
}
pub mod resample {
    pub mod channel_slice;
    pub mod concat;
    pub mod pixel_regroup;
    pub mod pixel_shuffle;
    pub mod pixel_unshuffle;
    pub mod resize;
    pub mod stored;
    pub mod window;
}

use crate::support::case::Case;

/// Makes the cases of an op.
pub type Table = fn() -> Vec<Case>;

/// The table of every stem.
#[allow(dead_code)]
pub fn all() -> Vec<(&'static str, Table)> {
    vec![
        ("attention/channel_gram", attention::channel_gram::cases),
        ("attention/channel_softmax", attention::channel_softmax::cases),
        ("attention/channel_topm", attention::channel_topm::cases),
        ("attention/channel_project", attention::channel_project::cases),
        ("attention/global_attention", attention::global_attention::cases),
        ("attention/prompt_select", attention::prompt_select::cases),
        ("attention/window_attention", attention::window_attention::cases),
        ("conv/depthwise", conv::depthwise::cases),
        ("elementwise/activation", elementwise::activation::cases),
        ("elementwise/add_table", elementwise::add_table::cases),
        ("elementwise/binary", elementwise::binary::cases),
        ("elementwise/blend", elementwise::blend::cases),
        ("elementwise/dual_gate", elementwise::dual_gate::cases),
        ("elementwise/gate", elementwise::gate::cases),
        ("elementwise/modulate", elementwise::modulate::cases),
        ("matmul/contract", matmul::contract::cases),
        ("matmul/merge", matmul::merge::cases),
        ("norm/group_moments", norm::group_moments::cases),
        ("norm/group_norm", norm::group_norm::cases),
        ("norm/group_stats", norm::group_stats::cases),
        ("norm/layer_norm", norm::layer_norm::cases),
        ("norm/row_stats", norm::row_stats::cases),
        ("reduce/adaptive_mean", reduce::adaptive_mean::cases),
        ("reduce/box_mean", reduce::box_mean::cases),
        ("reduce/mean", reduce::mean::cases),
        ("reduce/weighted_rows", reduce::weighted_rows::cases),
        ("resample/channel_slice", resample::channel_slice::cases),
        ("resample/concat", resample::concat::cases),
        ("resample/pixel_regroup", resample::pixel_regroup::cases),
        ("resample/pixel_shuffle", resample::pixel_shuffle::cases),
        ("resample/pixel_unshuffle", resample::pixel_unshuffle::cases),
        ("resample/resize", resample::resize::cases),
        ("resample/stored", resample::stored::cases),
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
