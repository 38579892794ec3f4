//! The graph: Restormer's encoder, whose skip connections pass through prompts on their way to the decoder.

use super::Config;
use super::interaction::interact;
use super::prompt::prompt;
use crate::base::{Channels, Result, Shape};
use crate::kernel::TensorId;
use crate::models::trunk::{Names, Trunk};
use crate::models::{MAIN, Part, no_such_part, restormer};
use crate::nn::Build;
use crate::nn::layers::Conv;
use crate::nn::unet_levels::{Encoded, decode, encode, stage};

/// Inputs `input` and the class weights `weights` `[n, 1, 1, degradation_num]`; output `output`.
pub fn build(c: &Config, b: &mut Build<'_>, part: &Part) -> Result<()> {
    let Part { n, h, w, .. } = *part;
    if part.name != MAIN {
        return Err(no_such_part(super::NAME, part));
    }
    // Official checkpoints hold these layers, but nothing calls them.
    b.ignore(|key| key.starts_with("reduce_noise_channel_"));
    let x = b.graph.input("input", Shape::new(n, h, w, c.trunk.inp_channels));
    let weights = b.graph.input("weights", Shape::new(n, 1, 1, c.degradation_num));
    let Trunk { dim, heads, bias, norm, .. } = c.trunk;
    let levels = c.trunk.levels(&Names::RESTORMER);
    let mut block = |b: &mut Build<'_>, level: usize, path: &str, x: TensorId| {
        restormer::block(b, path, x, heads[level], bias, norm)
    };
    let Encoded { mut skips, deep, .. } = encode(b, &levels, x, &mut block)?;
    let t = stage(b, levels.latent, levels.encoder[3], deep, |b, p, x| block(b, 3, p, x))?;
    let t = b.conv("chnl_reduce3", t, Conv::point(Channels::one(4 * dim), bias))?;
    for (level, skip) in skips.iter_mut().enumerate().rev() {
        let p = prompt(b, c, level, *skip, weights)?;
        *skip = interact(b, c, level, *skip, p)?;
    }
    let t = decode(b, &levels, t, skips, &mut block)?;
    let y = b.conv("output", t, Conv::same(c.trunk.inp_channels, 3, bias))?;
    let y = b.sum("residual", y, x)?;
    b.graph.output("output", y);
    Ok(())
}
