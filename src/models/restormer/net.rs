//! The graph: ARCHITECTURE of Zamir et al. 2022, figure 2; zero padding to a multiple of 8 inside, as in the copy that
//! DATPRL-IR carries (on multiples of 8 it equals the original).

use super::Config;
use crate::base::{Channels, Result, Shape};
use crate::kernel::TensorId;
use crate::models::trunk::{Names, Trunk};
use crate::models::{MAIN, Part, no_such_part};
use crate::nn::layers::Conv;
use crate::nn::unet_levels::{Levels, encoder_decoder};
use crate::nn::{Build, NormKind, gdfn, mdta};

/// `x += attn(norm1 x); x += ffn(norm2 x)`.
pub fn block(b: &mut Build<'_>, path: &str, x: TensorId, heads: u32, bias: bool, norm: NormKind) -> Result<TensorId> {
    let t = b.body_norm(&format!("{path}.norm1"), x, norm)?;
    let t = mdta(b, &format!("{path}.attn"), t, heads, bias)?;
    let x = b.sum(&format!("{path}.add1"), x, t)?;
    let t = b.body_norm(&format!("{path}.norm2"), x, norm)?;
    let t = gdfn(b, &format!("{path}.ffn"), t, bias)?;
    b.sum(&format!("{path}.add2"), x, t)
}

pub fn build(c: &Config, b: &mut Build<'_>, part: &Part) -> Result<()> {
    let Part { n, h, w, .. } = *part;
    if part.name != MAIN {
        return Err(no_such_part(super::NAME, part));
    }
    let input = b.graph.input("input", Shape::new(n, h, w, c.trunk.inp_channels));
    let x = b.pad_to_multiple(input, 8)?;
    let Trunk { heads, bias, norm, .. } = c.trunk;
    let levels = c.trunk.levels(&Names::RESTORMER);
    let mut block =
        |b: &mut Build<'_>, level: usize, path: &str, x: TensorId| block(b, path, x, heads[level], bias, norm);
    let y = if c.dual_pixel_task {
        dual_pixel(c, b, &levels, x, &mut block)?
    } else {
        let y = encoder_decoder(b, &levels, x, c.out_channels, &mut block)?;
        b.sum("residual", y, x)?
    };
    let y = b.crop(y, h, w)?;
    b.graph.output("output", y);
    Ok(())
}

/// Dual-pixel defocus deblurring: `output(refinement + skip_conv(patch_embed(x)))`, no residual.
fn dual_pixel(
    c: &Config,
    b: &mut Build<'_>,
    levels: &Levels,
    x: TensorId,
    block: &mut crate::nn::unet_levels::Block<'_>,
) -> Result<TensorId> {
    let t = crate::nn::unet_levels::features(b, levels, x, block)?;
    let stem = b.conv("patch_embed.proj", x, Conv::same(c.trunk.dim, 3, false))?;
    let wide = b.shape(t).c;
    debug_assert_eq!(wide.logical(), 2 * c.trunk.dim);
    let skip = b.conv("skip_conv", stem, Conv::point(Channels::clone(&wide), c.trunk.bias))?;
    let t = b.sum("skip", t, skip)?;
    b.conv("output", t, Conv::same(c.out_channels, 3, c.trunk.bias))
}
