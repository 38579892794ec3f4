//! How the two prompts become one vector, and how that vector enters a block.
//!
//! Both attentions of the official code have a single key, whose softmax is 1 whatever the queries are: what they yield
//! is a constant per channel, so that queries, keys and the attention over all pixels need not be computed.

use crate::base::{Channels, Result};
use crate::checkpoint::prepack::{Matrix, Pack};
use crate::kernel::TensorId;
use crate::models::settings::Settings;
use crate::nn::Build;
use crate::nn::layers::Conv;
use crate::ops::Activation;
use crate::ops::elementwise::modulate::Modulate;
use crate::ops::matmul::contract::Contract;
use serde_json::json;

/// `prompt_fusion_method`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromptFusion {
    Concat,
    CrossAttention,
}

impl PromptFusion {
    pub const fn name(self) -> &'static str {
        match self {
            PromptFusion::Concat => "concat",
            PromptFusion::CrossAttention => "cross_attention",
        }
    }

    pub(super) fn parse(s: &mut Settings<'_>) -> Result<Self> {
        match s.text("prompt_fusion_method", "cross_attention")?.as_str() {
            "concat" => Ok(PromptFusion::Concat),
            "cross_attention" => Ok(PromptFusion::CrossAttention),
            _ => s
                .only("prompt_fusion_method", &json!("concat or cross_attention"))
                .map(|()| PromptFusion::CrossAttention),
        }
    }
}

/// `fusion_method`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockFusion {
    Concat,
    CrossAttention,
    AdaptiveModulation,
}

impl BlockFusion {
    pub const ALL: [BlockFusion; 3] =
        [BlockFusion::Concat, BlockFusion::CrossAttention, BlockFusion::AdaptiveModulation];

    pub const fn name(self) -> &'static str {
        match self {
            BlockFusion::Concat => "concat",
            BlockFusion::CrossAttention => "cross_attention",
            BlockFusion::AdaptiveModulation => "adaptive_modulation",
        }
    }

    pub(super) fn parse(s: &mut Settings<'_>) -> Result<Self> {
        let name = s.text("fusion_method", "cross_attention")?;
        match BlockFusion::ALL.into_iter().find(|f| f.name() == name) {
            Some(fusion) => Ok(fusion),
            None => s
                .only("fusion_method", &json!("concat, cross_attention or adaptive_modulation"))
                .map(|()| BlockFusion::CrossAttention),
        }
    }
}

/// The prompt vector of all blocks from the domain prompt and the degradation prompt, each `[n, 1, 1, P]`.
pub fn fuse_prompts(
    b: &mut Build<'_>,
    fusion: PromptFusion,
    domain: TensorId,
    degradation: TensorId,
) -> Result<TensorId> {
    if fusion == PromptFusion::Concat {
        return b.concat("fuse_prompts", domain, degradation);
    }
    let c = b.shape(domain).c;
    let dim = c.logical();
    let path = "prompt_cross_attention";
    let (weight, bias) = (format!("{path}.in_proj_weight"), format!("{path}.in_proj_bias"));
    b.expect_weight(&weight, &[3 * dim, dim])?;
    b.expect_weight(&bias, &[3 * dim])?;
    // Of the joint projection only the rows of the values count.
    let values = Matrix {
        weight,
        bias: Some(bias),
        rows: Some((2 * dim, 3 * dim)),
        columns: None,
        kernel: (1, 1),
        inputs: b.shape(degradation).c,
        outputs: c.clone(),
        gamma: None,
        beta: None,
        out_scale: None,
        gated: false,
        swapped: false,
    };
    let params = b.matrix_params(values);
    let t = b.graph.add(&format!("{path}.v"), Contract::linear(c.clone(), true), &[degradation], &params)?;
    let t = b.conv(&format!("{path}.out_proj"), t, Conv::point(c.clone(), true))?;
    let t = b.sum("prompt_fusion_add", domain, t)?;
    let x = b.layer_norm("prompt_fusion_norm", t, 1e-5)?;
    let t = b.conv("prompt_fusion_ffn.0", x, Conv::point(Channels::one(2 * dim), true))?;
    let t = b.activate("prompt_fusion_ffn.1", t, Activation::Gelu)?;
    let t = b.conv("prompt_fusion_ffn.3", t, Conv::point(c, true))?;
    b.sum("prompt_fusion_ffn", x, t)
}

/// Lets the prompt vector `c` `[n, 1, 1, P]` into features `x` `[n, h, w, C]` of the block `path`.
pub fn fuse_block(b: &mut Build<'_>, fusion: BlockFusion, path: &str, x: TensorId, c: TensorId) -> Result<TensorId> {
    let at = |name: &str| format!("{path}.{name}");
    let channels = b.shape(x).c;
    let width = channels.logical();
    let (feature, prompt) = balance(b, path)?;
    match fusion {
        BlockFusion::CrossAttention => {
            dead(b, &at("cross_attn_q"));
            dead(b, &at("cross_attn_k"));
            let t = b.layer_norm(&at("prompt_norm"), c, 1e-5)?;
            let t = b.conv(&at("cross_attn_v"), t, Conv::point(Channels::one(width), true))?;
            let t = weighted(b, &at("cross_attn_v.weighted"), t, prompt)?;
            let shift = b.conv(&at("cross_attn_out"), t, Conv::point(channels, true))?;
            b.graph.add(&at("fuse"), Modulate { feature, prompt: 1.0, scale: false, shift: true }, &[x, shift], &[])
        }
        BlockFusion::AdaptiveModulation => {
            let t = b.conv(&at("prompt_mlp.0"), c, Conv::point(Channels::one(2 * width), true))?;
            let t = b.activate(&at("prompt_mlp.1"), t, Activation::Relu)?;
            let t = b.conv(&at("prompt_mlp.2"), t, Conv::point(channels.concat(&channels), true))?;
            b.graph.add(&at("fuse"), Modulate { feature, prompt, scale: true, shift: true }, &[x, t], &[])
        }
        BlockFusion::Concat => {
            // The half of the convolution that reads the prompt reads the same everywhere: one vector an image.
            let t = b.conv(&at("prompt_projection"), c, Conv::point(Channels::one(width), true))?;
            let t = weighted(b, &at("prompt_projection.weighted"), t, prompt)?;
            let path_fusion = at("prompt_fusion");
            b.expect_weight(&format!("{path_fusion}.weight"), &[width, 2 * width])?;
            let shift = half(b, &path_fusion, t, channels.clone(), width, true)?;
            let y = half(b, &path_fusion, x, channels, 0, false)?;
            b.graph.add(&at("fuse"), Modulate { feature, prompt: 1.0, scale: false, shift: true }, &[y, shift], &[])
        }
    }
}

/// `x * factor`.
fn weighted(b: &mut Build<'_>, path: &str, x: TensorId, factor: f32) -> Result<TensorId> {
    b.graph.add(path, Modulate { feature: factor, prompt: 0.0, scale: false, shift: false }, &[x], &[])
}

/// Half of the 1x1 convolution over features and prompt, beginning at input `first`.
fn half(b: &mut Build<'_>, path: &str, x: TensorId, out: Channels, first: u32, bias: bool) -> Result<TensorId> {
    let bias_key = format!("{path}.bias");
    if bias {
        b.expect_weight(&bias_key, &[out.logical()])?;
    }
    let matrix = Matrix {
        weight: format!("{path}.weight"),
        bias: bias.then_some(bias_key),
        rows: None,
        columns: Some((first, first + b.shape(x).c.logical())),
        kernel: (1, 1),
        inputs: b.shape(x).c,
        outputs: out.clone(),
        gamma: None,
        beta: None,
        out_scale: None,
        gated: false,
        swapped: false,
    };
    let mut params = Vec::with_capacity(2);
    params.push(b.graph.param(Pack::Matrix(matrix.clone())));
    if bias {
        params.push(b.graph.param(Pack::Bias(matrix)));
    }
    let name = if bias { "prompt" } else { "features" };
    b.graph.add(&format!("{path}.{name}"), Contract::linear(out, bias), &[x], &params)
}

/// The share of features and of the prompt: the softmax of two learned numbers.
fn balance(b: &mut Build<'_>, path: &str) -> Result<(f32, f32)> {
    let mut read = |name: &str| b.scalar(&format!("{path}.{name}")).map(f64::from);
    let (feature, prompt) = (read("feature_weight")?, read("prompt_weight")?);
    let share = 1.0 / (1.0 + (prompt - feature).exp());
    Ok((share as f32, (1.0 - share) as f32))
}

/// Weights that official checkpoints hold and that have no influence.
fn dead(b: &mut Build<'_>, path: &str) {
    for name in ["weight", "bias"] {
        b.ignore_one(&format!("{path}.{name}"));
    }
}
