//! The NAFNet edition: plain blocks in the encoder; in the middle and the decoder the prompt enters after a block's first
//! norm.

use super::fusion::fuse_block;
use super::net::{Asked, Prompt};
use super::{Backbone, Config};
use crate::base::{Channels, Error, Kind, Result};
use crate::kernel::TensorId;
use crate::models::nafnet::{Pool, block_with};
use crate::nn::Build;
use crate::nn::layers::Conv;
use crate::nn::unet_levels::stage;

fn backbone(c: &Config) -> Result<(u32, &[u32], &[u32])> {
    match &c.backbone {
        Backbone::Nafnet { width, enc_blk_nums, dec_blk_nums } => Ok((*width, enc_blk_nums, dec_blk_nums)),
        Backbone::Restormer { .. } => Err(Error::new(Kind::Other, "this is no NAFNet edition")),
    }
}

/// Features for the queries, and the results of the levels, finest first.
fn encoder(c: &Config, b: &mut Build<'_>, x: TensorId) -> Result<(Asked, Vec<TensorId>)> {
    let (width, counts, _) = backbone(c)?;
    let stem = b.conv("intro", x, Conv::same(width, 3, true))?;
    let (mut deep, mut skips) = (stem, Vec::with_capacity(counts.len()));
    for (level, count) in counts.iter().enumerate() {
        let path = format!("encoders.{level}");
        let skip = stage(b, &path, *count as usize, deep, |b, p, x| block_with(b, p, x, &Pool::GLOBAL, |_, t| Ok(t)))?;
        let out = Channels::one(2 * b.shape(skip).c.logical());
        let down = Conv { out, stride: 2, pad: 0, ..Conv::same(0, 2, true) };
        deep = b.conv(&format!("downs.{level}"), skip, down)?;
        skips.push(skip);
    }
    Ok((Asked { stem, deep }, skips))
}

pub(super) fn asked(c: &Config, b: &mut Build<'_>, x: TensorId) -> Result<Asked> {
    Ok(encoder(c, b, x)?.0)
}

/// From the padded picture to the result without the residual.
pub(super) fn restore(c: &Config, b: &mut Build<'_>, x: TensorId, prompt: Prompt) -> Result<TensorId> {
    let (asked, mut skips) = encoder(c, b, x)?;
    let vector = prompt.vector(c, b, &asked)?;
    let (_, _, counts) = backbone(c)?;
    let mut block = |b: &mut Build<'_>, path: &str, x: TensorId| {
        block_with(b, path, x, &Pool::GLOBAL, |b, t| match vector {
            Some(p) => fuse_block(b, c.fusion, path, t, p),
            None => Ok(t),
        })
    };
    let mut t = stage(b, "middle_blks", c.middle_blk_num as usize, asked.deep, &mut block)?;
    for (level, count) in counts.iter().enumerate() {
        let out = Channels::one(2 * b.shape(t).c.logical());
        t = b.conv(&format!("ups.{level}.0"), t, Conv::point(out, false))?;
        t = b.pixel_shuffle(&format!("ups.{level}.1"), t)?;
        if let Some(skip) = skips.pop() {
            t = b.sum(&format!("skip{level}"), t, skip)?;
        }
        t = stage(b, &format!("decoders.{level}"), *count as usize, t, &mut block)?;
    }
    b.conv("ending", t, Conv::same(c.img_channel, 3, true))
}
