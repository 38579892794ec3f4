//! Three graphs: features once a photograph, text once a prompt, and the step that is repeated.
//!
//! The first convolution of the UNet is linear, so its share of the features (all but 3 of up to 2883 channels) is
//! computed with them, and a step only adds the share of the noised target.

use super::{Config, IMAGE_ENCODER, TARGET, TEXT_ENCODER, UNET};
use crate::base::{Result, Shape};
use crate::models::{Part, clip_text, convnext, ldm_unet, no_such_part};
use crate::nn::Build;
use crate::nn::layers::Conv;

pub(super) const IMAGE: &str = "features";
pub(super) const TEXT: &str = "text";

/// The stage maps at the target's size, in the order of their concatenation.
pub const FEATURES: [&str; 4] = ["features1", "features2", "features3", "features4"];

/// Input `input`: normalised photographs of `from` pixels. Outputs `start`, and the resized stage maps if `maps`.
pub fn features_part(n: u32, from: [u32; 2], to: [u32; 2], maps: bool) -> Part {
    Part { name: IMAGE, n, h: from[0], w: from[1], extra: vec![to[0], to[1], u32::from(maps)] }
}

/// Input `embeddings` of `n` prompts; outputs `context` and the keys and values of every cross-attention.
pub fn text_part(n: u32, tokens: u32) -> Part {
    Part { name: TEXT, n, h: 1, w: tokens, extra: Vec::new() }
}

/// Inputs `input` (the noised target), `time`, and, kept, `start`, keys and values. Output `output`.
pub fn step_part(n: u32, target: [u32; 2], tokens: u32) -> Part {
    Part::main(n, target[0], target[1], vec![tokens])
}

pub(super) fn features(c: &Config, b: &mut Build<'_>, part: &Part) -> Result<()> {
    let [h, w, maps] = part.extra[..] else { return Err(no_such_part(super::NAME, part)) };
    let x = b.graph.input("input", Shape::new(part.n, part.h, part.w, c.image.in_channels));
    let mut start = None;
    let mut first = TARGET;
    for (level, t) in convnext::stages(&c.image, b, IMAGE_ENCODER, x)? {
        let map = b.resize(&format!("resize.{level}"), t, h, w)?;
        let share = Conv { bias: start.is_none(), ..first_conv(c) }.slice(first, c.unet.in_channels);
        let share = b.conv(&format!("{UNET}conv_in"), map, share)?;
        first += c.image.dims[level];
        start = Some(match start {
            None => share,
            Some(sum) => b.sum("start", sum, share)?,
        });
        if maps == 1 {
            b.graph.output(FEATURES[level], map);
        }
    }
    if let Some(start) = start {
        b.graph.output("start", start);
    }
    Ok(())
}

pub(super) fn text(c: &Config, b: &mut Build<'_>, part: &Part) -> Result<()> {
    let x = b.graph.input("embeddings", Shape::new(part.n, 1, part.w, c.text.width));
    let context = clip_text::tower(&c.text, b, TEXT_ENCODER, x, &[c.text.output])?[0];
    ldm_unet::project_context(&c.unet, b, UNET, context)?;
    b.graph.output("context", context);
    Ok(())
}

pub(super) fn step(c: &Config, b: &mut Build<'_>, part: &Part) -> Result<()> {
    let [tokens] = part.extra[..] else { return Err(no_such_part(super::NAME, part)) };
    let x = b.graph.input("input", Shape::new(part.n, part.h, part.w, TARGET));
    let start = Shape::new(part.n, part.h, part.w, c.unet.block_out_channels[0]);
    let start = b.graph.kept_input("start", start);
    let own = Conv { bias: false, ..first_conv(c) }.slice(0, c.unet.in_channels);
    let x = b.conv(&format!("{UNET}conv_in"), x, own)?;
    let x = b.sum("conv_in", x, start)?;
    let y = ldm_unet::body(&c.unet, b, UNET, x, tokens)?;
    b.graph.output("output", y);
    Ok(())
}

fn first_conv(c: &Config) -> Conv {
    Conv::same(c.unet.block_out_channels[0], 3, true)
}
