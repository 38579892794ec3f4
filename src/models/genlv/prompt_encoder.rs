//! Prompt_KV_Encoder: turns the degraded and the clean picture of an example pair into K and V tokens, with one set of
//! weights for both.

use super::Config;
use crate::base::{Channels, Result, Shape};
use crate::kernel::TensorId;
use crate::models::Part;
use crate::nn::Build;
use crate::nn::layers::Conv;
use crate::ops::Activation;

const ROOT: &str = "Prompt_KV_Encoder.prompt_embedding";

/// The key whose first axis is the encoder's width.
pub const FIRST: &str = "Prompt_KV_Encoder.prompt_embedding.conv_first.weight";

/// Residual blocks of each level.
const BLOCKS: usize = 4;

/// Input `input` `[n, h, w, 3]`, h and w multiples of 8; output `tokens` `[n, h / 8, w / 8, 8 dim]`.
pub fn build(c: &Config, nf: u32, b: &mut Build<'_>, part: &Part) -> Result<()> {
    let at = |name: &str| format!("{ROOT}.{name}");
    let x = b.graph.input("input", Shape::new(part.n, part.h, part.w, c.trunk.inp_channels));
    let t = b.conv(&at("conv_first"), x, Conv::same(nf, 3, true))?;
    let t = b.activate(&at("gelu"), t, Activation::Gelu)?;
    let t = b.conv(&at("conv_hr"), t, Conv::same(nf, 3, true))?;
    let mut t = b.layer_norm(&at("norm"), t, 1e-5)?;
    for level in 1..=3 {
        for i in 0..BLOCKS {
            t = residual_block(b, &at(&format!("fea_level{level}.{i}")), t)?;
        }
        t = b.activate(&at(&format!("gelu{level}a")), t, Activation::Gelu)?;
        t = b.pixel_unshuffle(&at(&format!("unshuffle{level}")), t)?;
        let out = Channels::one(nf << level);
        t = b.conv(&at(&format!("channel_reduction{level}")), t, Conv::point(out, true))?;
        t = b.activate(&at(&format!("gelu{level}b")), t, Activation::Gelu)?;
        t = b.layer_norm(&at(&format!("norm{level}")), t, 1e-5)?;
    }
    let width = 8 * c.trunk.dim;
    t = b.conv(&at("conv_lr"), t, Conv::same(width, 3, true))?;
    t = b.activate(&at("gelu_lr"), t, Activation::Gelu)?;
    t = b.conv(&at("conv_last"), t, Conv::point(Channels::one(width), true))?;
    t = b.layer_norm(&at("norm_out"), t, 1e-5)?;
    b.graph.output("tokens", t);
    Ok(())
}

/// `x + conv2(relu(conv1 x))`.
fn residual_block(b: &mut Build<'_>, path: &str, x: TensorId) -> Result<TensorId> {
    let c = b.shape(x).c.logical();
    let t = b.conv(&format!("{path}.conv1"), x, Conv::same(c, 3, true))?;
    let t = b.activate(&format!("{path}.relu"), t, Activation::Relu)?;
    let t = b.conv(&format!("{path}.conv2"), t, Conv::same(c, 3, true))?;
    b.sum(&format!("{path}.add"), x, t)
}
