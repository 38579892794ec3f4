//! The network, under diffusers' names.

use super::attention::{Place, transformer};
use super::blocks::{downsample, resblock, upsample};
use super::{Attention, Config};
use crate::base::{Channels, Result, Shape};
use crate::kernel::TensorId;
use crate::nn::Build;
use crate::nn::layers::Conv;
use crate::ops::Activation;

/// From the result of conv_in to the prediction. Inputs `time` (see [`time_features`]) and the keys and values of
/// `tokens` context tokens. `root` is put in front of every key: empty, or a prefix that ends in a dot.
pub fn body(c: &Config, b: &mut Build<'_>, root: &str, x: TensorId, tokens: u32) -> Result<TensorId> {
    let at = |name: String| format!("{root}{name}");
    b.tap(&at("conv_in".into()), x);
    let time = time_embedding(c, b, root, b.shape(x).n)?;
    let levels = c.levels();
    let place = |level: usize| Place { attention: c.attention[level], heads: c.num_heads[level], tokens };
    let with = |level: usize| c.attention[level] != Attention::None;
    let mut h = x;
    let mut skips = vec![h];
    for level in 0..levels {
        let path = at(format!("down_blocks.{level}"));
        for i in 0..c.layers_per_block {
            h = resblock(c, b, &format!("{path}.resnets.{i}"), h, time, c.block_out_channels[level])?;
            if with(level) {
                h = transformer(c, b, &format!("{path}.attentions.{i}"), h, place(level))?;
            }
            skips.push(h);
        }
        if level + 1 < levels {
            h = downsample(b, &format!("{path}.downsamplers.0"), h)?;
            skips.push(h);
        }
        b.tap(&path, h);
    }
    let deepest = levels - 1;
    let mid = at("mid_block".into());
    h = resblock(c, b, &format!("{mid}.resnets.0"), h, time, c.block_out_channels[deepest])?;
    let place_mid = Place { attention: Attention::SelfCross, ..place(deepest) };
    h = transformer(c, b, &format!("{mid}.attentions.0"), h, place_mid)?;
    h = resblock(c, b, &format!("{mid}.resnets.1"), h, time, c.block_out_channels[deepest])?;
    b.tap(&mid, h);
    for up in 0..levels {
        let level = deepest - up;
        let path = at(format!("up_blocks.{up}"));
        for i in 0..=c.layers_per_block {
            if let Some(skip) = skips.pop() {
                h = b.concat(&format!("{path}.concat.{i}"), h, skip)?;
            }
            h = resblock(c, b, &format!("{path}.resnets.{i}"), h, time, c.block_out_channels[level])?;
            if with(level) {
                h = transformer(c, b, &format!("{path}.attentions.{i}"), h, place(level))?;
            }
        }
        if let (true, Some(skip)) = (level > 0, skips.last()) {
            let to = b.shape(*skip);
            h = upsample(b, &format!("{path}.upsamplers.0"), h, &to)?;
        }
        b.tap(&path, h);
    }
    let t = b.group_norm(&at("conv_norm_out".into()), h, c.norm_num_groups, c.norm_eps as f32)?;
    let t = b.activate(&at("conv_act".into()), t, Activation::Silu)?;
    b.conv(&at("conv_out".into()), t, Conv::same(c.out_channels, 3, true))
}

/// SiLU of the time embedding, which is all that the residual blocks read.
fn time_embedding(c: &Config, b: &mut Build<'_>, root: &str, n: u32) -> Result<TensorId> {
    let path = format!("{root}time_embedding");
    let linear = || Conv::point(Channels::one(c.time_embed_dim), true);
    let t = b.graph.input("time", Shape::new(n, 1, 1, c.block_out_channels[0]));
    let t = b.conv(&format!("{path}.linear_1"), t, linear())?;
    let t = b.activate(&format!("{path}.act"), t, Activation::Silu)?;
    let t = b.conv(&format!("{path}.linear_2"), t, linear())?;
    b.tap(&path, t);
    b.activate(&format!("{path}.silu"), t, Activation::Silu)
}

/// Cosines and sines of the timesteps, one row for each image, in the layout of the input `time`. In f64: an angle of
/// 981 radians has lost five digits in f32.
pub fn time_features(c: &Config, timesteps: &[f64]) -> Vec<f32> {
    let width = c.block_out_channels[0] as usize;
    let half = width / 2;
    let frequency = |k: usize| (-10_000_f64.ln() * k as f64 / (half as f64 - c.freq_shift)).exp();
    let row = |t: &f64| {
        let cosines = (0..half).map(|k| (t * frequency(k)).cos() as f32).collect::<Vec<_>>();
        let sines = (0..half).map(|k| (t * frequency(k)).sin() as f32).collect::<Vec<_>>();
        let mut row = if c.flip_sin_to_cos { [cosines, sines] } else { [sines, cosines] }.concat();
        row.resize(width.next_multiple_of(4), 0.0);
        row
    };
    timesteps.iter().flat_map(row).collect()
}
