//! The picture network: X-Restormer levels around a latent of global self-attention and prompt cross-attention. No
//! residual to the input, because a task may leave the picture's domain.

use super::Config;
use super::config::NAMES;
use crate::base::{Error, Kind, Result, Shape};
use crate::kernel::TensorId;
use crate::models::trunk::Trunk;
use crate::models::{Part, xrestormer};
use crate::nn::unet_levels::encoder_decoder;
use crate::nn::{Build, gdfn, mdta, token_attention};

/// Inputs `input`, and `k`, `v` of `part.extra` = (batch, tokens) where the class takes prompts; output `output`.
pub fn build(c: &Config, b: &mut Build<'_>, part: &Part) -> Result<()> {
    let x = b.graph.input("input", Shape::new(part.n, part.h, part.w, c.trunk.inp_channels));
    let tokens = match (c.prompt_encoder_nf, &part.extra[..]) {
        (None, _) => None,
        (Some(_), [count, tokens]) => {
            let shape = Shape::new(*count, 1, *tokens, 8 * c.trunk.dim);
            Some((b.graph.input("k", shape.clone()), b.graph.input("v", shape)))
        }
        (Some(_), _) => {
            return Err(Error::new(Kind::Usage, "this GenLV checkpoint needs to be told its task")
                .why("no stored task and no example pair was given")
                .advice("use --task with a task of `vernis tasks`, or --prompt-pair BEFORE AFTER"));
        }
    };
    let Trunk { heads, bias, norm, .. } = c.trunk;
    let levels = c.trunk.levels(&NAMES);
    let mut block = |b: &mut Build<'_>, level: usize, path: &str, x: TensorId| match level {
        3 => latent_block(c, b, path, x, tokens),
        _ => xrestormer::block(b, path, x, heads[level], c.window_size, bias, norm),
    };
    let y = encoder_decoder(b, &levels, x, c.out_channels, &mut block)?;
    b.graph.output("output", y);
    Ok(())
}

/// SpatCrossAttnBlock; without prompts the LatenBlock of the extended edition. The token stream is replaced by its
/// normalised value in front of the last feed-forward, whose residual is that normalised value.
fn latent_block(
    c: &Config,
    b: &mut Build<'_>,
    path: &str,
    x: TensorId,
    prompt: Option<(TensorId, TensorId)>,
) -> Result<TensorId> {
    let Trunk { heads: [.., heads], bias, norm, .. } = c.trunk;
    let t = b.body_norm(&format!("{path}.norm1"), x, norm)?;
    let t = mdta(b, &format!("{path}.channel_attn"), t, heads, bias)?;
    let x = b.sum(&format!("{path}.add1"), x, t)?;
    let t = b.body_norm(&format!("{path}.norm2"), x, norm)?;
    let t = gdfn(b, &format!("{path}.channel_ffn"), t, bias)?;
    let x = b.sum(&format!("{path}.add2"), x, t)?;
    let t = b.layer_norm(&format!("{path}.norm3"), x, 1e-5)?;
    let t = token_attention(b, &format!("{path}.spatial_attn"), t, t, t, heads)?;
    let mut x = b.sum(&format!("{path}.add3"), x, t)?;
    let mut last = "norm4";
    if let Some((k, v)) = prompt {
        let t = b.layer_norm(&format!("{path}.norm4"), x, 1e-5)?;
        let t = token_attention(b, &format!("{path}.cross_attn"), t, k, v, heads)?;
        x = b.sum(&format!("{path}.add4"), x, t)?;
        last = "norm5";
    }
    let x = b.layer_norm(&format!("{path}.{last}"), x, 1e-5)?;
    let t = gdfn(b, &format!("{path}.spatial_ffn"), x, bias)?;
    b.sum(&format!("{path}.add5"), x, t)
}
