//! The Restormer editions: plain blocks in the encoder, prompted blocks from the latent level on.

use super::fusion::{BlockFusion, fuse_block};
use super::net::{Asked, Prompt};
use super::{Backbone, Config};
use crate::base::{Error, Kind, Result};
use crate::kernel::TensorId;
use crate::models::restormer::block;
use crate::nn::layers::Conv;
use crate::nn::unet_levels::{Encoded, Levels, decode, encode, stage};
use crate::nn::{Build, NormKind, gdfn, mdta};

/// The numbers that all blocks share.
struct Blocks {
    levels: Levels,
    heads: [u32; 4],
    bias: bool,
    norm: NormKind,
}

fn blocks(c: &Config) -> Result<Blocks> {
    let Backbone::Restormer { dim, width, enc_blk_nums, dec_blk_nums, refine_blk_num, heads, bias, norm, .. } =
        &c.backbone
    else {
        return Err(Error::new(Kind::Other, "this is no Restormer edition"));
    };
    let [e1, e2, e3] = enc_blk_nums.map(|n| n as usize);
    let levels = Levels {
        dim: dim.or(*width).unwrap_or(48),
        encoder: [e1, e2, e3, c.middle_blk_num as usize],
        decoder: dec_blk_nums.map(|n| n as usize),
        refinement: *refine_blk_num as usize,
        bias: *bias,
        latent: "latent_blocks",
    };
    Ok(Blocks { levels, heads: *heads, bias: *bias, norm: *norm })
}

fn encoder(s: &Blocks, b: &mut Build<'_>, x: TensorId) -> Result<Encoded> {
    encode(b, &s.levels, x, &mut |b, level, path, x| block(b, path, x, s.heads[level], s.bias, s.norm))
}

pub(super) fn asked(c: &Config, b: &mut Build<'_>, x: TensorId) -> Result<Asked> {
    let Encoded { stem, deep, .. } = encoder(&blocks(c)?, b, x)?;
    Ok(Asked { stem, deep })
}

/// From the padded picture to the result without the residual.
pub(super) fn restore(c: &Config, b: &mut Build<'_>, x: TensorId, prompt: Prompt) -> Result<TensorId> {
    let s = blocks(c)?;
    let Encoded { stem, skips, deep } = encoder(&s, b, x)?;
    let vector = prompt.vector(c, b, &Asked { stem, deep })?;
    let mut block = |b: &mut Build<'_>, level: usize, path: &str, x: TensorId| match vector {
        None => block(b, path, x, s.heads[level], s.bias, s.norm),
        Some(p) => prompted(b, path, x, s.heads[level], &s, (c.fusion, p)),
    };
    let t = stage(b, s.levels.latent, s.levels.encoder[3], deep, |b, p, x| block(b, 3, p, x))?;
    let t = decode(b, &s.levels, t, skips, &mut block)?;
    b.conv("output", t, Conv::same(c.img_channel, 3, s.bias))
}

/// A Restormer block whose attention sees the prompt; the residual does not.
fn prompted(
    b: &mut Build<'_>,
    path: &str,
    x: TensorId,
    heads: u32,
    s: &Blocks,
    (fusion, prompt): (BlockFusion, TensorId),
) -> Result<TensorId> {
    let at = |name: &str| format!("{path}.{name}");
    let t = fuse_block(b, fusion, path, x, prompt)?;
    let t = b.body_norm(&at("norm1"), t, s.norm)?;
    let t = mdta(b, &at("attn"), t, heads, s.bias)?;
    let x = b.sum(&at("add1"), x, t)?;
    let t = b.body_norm(&at("norm2"), x, s.norm)?;
    let t = gdfn(b, &at("ffn"), t, s.bias)?;
    b.sum(&at("add2"), x, t)
}
