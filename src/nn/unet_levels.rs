//! The four-level encoder-decoder that Restormer, X-Restormer, GenLV, PIP and DATPRL-IR share.

use crate::base::Result;
use crate::kernel::TensorId;
use crate::nn::Build;
use crate::nn::layers::Conv;

/// C to 2 C channels at half the size: key `path.body.0.weight`.
pub fn down(b: &mut Build<'_>, path: &str, x: TensorId) -> Result<TensorId> {
    let c = b.shape(x).c.logical();
    let t = b.conv(&format!("{path}.body.0"), x, Conv::same(c / 2, 3, false))?;
    let y = b.pixel_unshuffle(&format!("{path}.body.1"), t)?;
    b.tap(path, y);
    Ok(y)
}

/// C to C / 2 channels at twice the size: key `path.body.0.weight`.
pub fn up(b: &mut Build<'_>, path: &str, x: TensorId) -> Result<TensorId> {
    let c = b.shape(x).c.logical();
    let t = b.conv(&format!("{path}.body.0"), x, Conv::same(2 * c, 3, false))?;
    let y = b.pixel_shuffle(&format!("{path}.body.1"), t)?;
    b.tap(path, y);
    Ok(y)
}

/// The blocks of one container, applied in order. `block` gets the path of each.
pub fn stage(
    b: &mut Build<'_>,
    path: &str,
    count: usize,
    mut x: TensorId,
    mut block: impl FnMut(&mut Build<'_>, &str, TensorId) -> Result<TensorId>,
) -> Result<TensorId> {
    for i in 0..count {
        let at = format!("{path}.{i}");
        x = block(b, &at, x)?;
        b.tap(&at, x);
    }
    b.tap(path, x);
    Ok(x)
}

/// Numbers of blocks of a network of this topology.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Levels {
    pub dim: u32,
    pub encoder: [usize; 4],
    pub decoder: [usize; 3],
    pub refinement: usize,
    /// Biases of reduce_chan_level* and output.
    pub bias: bool,
    /// The container of the deepest level: `latent` or `latent_blocks`.
    pub latent: &'static str,
}

/// A block of the network: level 0..=3 (3 is the latent), path, input.
pub type Block<'f> = dyn FnMut(&mut Build<'_>, usize, &str, TensorId) -> Result<TensorId> + 'f;

/// From the image (already at the network's multiple) to the output convolution, without the residual.
pub fn encoder_decoder(
    b: &mut Build<'_>,
    levels: &Levels,
    x: TensorId,
    out_channels: u32,
    block: &mut Block<'_>,
) -> Result<TensorId> {
    let t = features(b, levels, x, block)?;
    b.conv("output", t, Conv::same(out_channels, 3, levels.bias))
}

/// From the image to the refined features, twice `dim` wide.
pub fn features(b: &mut Build<'_>, levels: &Levels, x: TensorId, block: &mut Block<'_>) -> Result<TensorId> {
    let Encoded { skips, deep, .. } = encode(b, levels, x, block)?;
    let t = stage(b, levels.latent, levels.encoder[3], deep, |b, p, x| block(b, 3, p, x))?;
    decode(b, levels, t, skips, block)
}

/// What the encoder yields.
#[derive(Debug, Clone, Copy)]
pub struct Encoded {
    /// The result of `patch_embed`.
    pub stem: TensorId,
    /// The results of the three levels, finest first.
    pub skips: [TensorId; 3],
    /// The input of the latent level.
    pub deep: TensorId,
}

/// From the image to the input of the latent level.
pub fn encode(b: &mut Build<'_>, levels: &Levels, x: TensorId, block: &mut Block<'_>) -> Result<Encoded> {
    let stem = b.conv("patch_embed.proj", x, Conv::same(levels.dim, 3, false))?;
    b.tap("patch_embed", stem);
    let (mut skips, mut deep) = ([stem; 3], stem);
    for (level, skip) in skips.iter_mut().enumerate() {
        let path = format!("encoder_level{}", level + 1);
        *skip = stage(b, &path, levels.encoder[level], deep, |b, p, x| block(b, level, p, x))?;
        deep = down(b, &format!("down{}_{}", level + 1, level + 2), *skip)?;
    }
    Ok(Encoded { stem, skips, deep })
}

/// From the result of the latent level to the refined features.
pub fn decode(
    b: &mut Build<'_>,
    levels: &Levels,
    mut t: TensorId,
    skips: [TensorId; 3],
    block: &mut Block<'_>,
) -> Result<TensorId> {
    for level in (0..3).rev() {
        t = up(b, &format!("up{}_{}", level + 2, level + 1), t)?;
        t = b.concat(&format!("concat_level{}", level + 1), t, skips[level])?;
        // The first level keeps its doubled width.
        if level > 0 {
            let out = crate::base::Channels::one(levels.dim << level);
            t = b.conv(&format!("reduce_chan_level{}", level + 1), t, Conv::point(out, levels.bias))?;
        }
        let path = format!("decoder_level{}", level + 1);
        t = stage(b, &path, levels.decoder[level], t, |b, p, x| block(b, level, p, x))?;
    }
    stage(b, "refinement", levels.refinement, t, |b, p, x| block(b, 0, p, x))
}
