//! Residual block, downsampler, upsampler.

use super::Config;
use crate::base::{Channels, Result, Shape};
use crate::kernel::TensorId;
use crate::nn::Build;
use crate::nn::layers::Conv;
use crate::ops::Activation;

/// Two convolutions with the timestep's bias between them; `time` is SiLU of the time embedding.
pub fn resblock(c: &Config, b: &mut Build<'_>, path: &str, x: TensorId, time: TensorId, out: u32) -> Result<TensorId> {
    let at = |name: &str| format!("{path}.{name}");
    let (groups, eps) = (c.norm_num_groups, c.norm_eps as f32);
    let t = b.group_norm(&at("norm1"), x, groups, eps)?;
    let t = b.activate(&at("silu1"), t, Activation::Silu)?;
    let t = b.conv(&at("conv1"), t, Conv::same(out, 3, true))?;
    let bias = b.conv(&at("time_emb_proj"), time, Conv::point(Channels::one(out), true))?;
    let t = b.sum(&at("add_time"), t, bias)?;
    let t = b.group_norm(&at("norm2"), t, groups, eps)?;
    let t = b.activate(&at("silu2"), t, Activation::Silu)?;
    let t = b.conv(&at("conv2"), t, Conv::same(out, 3, true))?;
    let straight = match b.shape(x).c.logical() == out {
        true => x,
        false => b.conv(&at("conv_shortcut"), x, Conv::point(Channels::one(out), true))?,
    };
    let y = b.sum(&at("add"), straight, t)?;
    b.tap(path, y);
    Ok(y)
}

pub fn downsample(b: &mut Build<'_>, path: &str, x: TensorId) -> Result<TensorId> {
    let c = b.shape(x).c.logical();
    let y = b.conv(&format!("{path}.conv"), x, Conv { stride: 2, ..Conv::same(c, 3, true) })?;
    b.tap(path, y);
    Ok(y)
}

/// To the size of the next skip, which need not be twice the own.
pub fn upsample(b: &mut Build<'_>, path: &str, x: TensorId, to: &Shape) -> Result<TensorId> {
    let c = b.shape(x).c.logical();
    let t = b.resize_nearest(&format!("{path}.nearest"), x, to.h, to.w)?;
    let y = b.conv(&format!("{path}.conv"), t, Conv::same(c, 3, true))?;
    b.tap(path, y);
    Ok(y)
}
