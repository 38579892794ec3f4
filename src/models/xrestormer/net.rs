//! The graph: Restormer's topology with blocks of channel attention and overlapping window attention.

use super::Config;
use super::config::NAMES;
use crate::base::{Result, Shape};
use crate::kernel::TensorId;
use crate::models::trunk::Trunk;
use crate::models::{MAIN, Part, no_such_part};
use crate::nn::unet_levels::encoder_decoder;
use crate::nn::{Build, NormKind, gdfn, mdta, overlapping_window_attention};

/// The four residual branches of a block: `channel_attn`, `channel_ffn`, `spatial_attn`, `spatial_ffn`.
pub fn block(
    b: &mut Build<'_>,
    path: &str,
    x: TensorId,
    heads: u32,
    window: u32,
    bias: bool,
    norm: NormKind,
) -> Result<TensorId> {
    let t = b.body_norm(&format!("{path}.norm1"), x, norm)?;
    let t = mdta(b, &format!("{path}.channel_attn"), t, heads, bias)?;
    let x = b.sum(&format!("{path}.add1"), x, t)?;
    let t = b.body_norm(&format!("{path}.norm2"), x, norm)?;
    let t = gdfn(b, &format!("{path}.channel_ffn"), t, bias)?;
    let x = b.sum(&format!("{path}.add2"), x, t)?;
    let t = b.body_norm(&format!("{path}.norm3"), x, norm)?;
    let t = overlapping_window_attention(b, &format!("{path}.spatial_attn"), t, window, bias)?;
    let x = b.sum(&format!("{path}.add3"), x, t)?;
    let t = b.body_norm(&format!("{path}.norm4"), x, norm)?;
    let t = gdfn(b, &format!("{path}.spatial_ffn"), t, bias)?;
    b.sum(&format!("{path}.add4"), x, t)
}

pub fn build(c: &Config, b: &mut Build<'_>, part: &Part) -> Result<()> {
    let Part { n, h, w, .. } = *part;
    if part.name != MAIN {
        return Err(no_such_part(super::NAME, part));
    }
    let mut x = b.graph.input("input", Shape::new(n, h, w, c.trunk.inp_channels));
    if c.scale > 1 {
        x = b.resize("enlarge", x, h * c.scale, w * c.scale)?;
    }
    let Trunk { heads, bias, norm, .. } = c.trunk;
    let levels = c.trunk.levels(&NAMES);
    let mut block = |b: &mut Build<'_>, level: usize, path: &str, x: TensorId| {
        block(b, path, x, heads[level], c.window_size, bias, norm)
    };
    let y = encoder_decoder(b, &levels, x, c.out_channels, &mut block)?;
    let y = b.sum("residual", y, x)?;
    b.graph.output("output", y);
    Ok(())
}
