//! Mean shift, head, body, tail. The heads and tails of the other tasks are in the checkpoint but not in the graph.

use super::Config;
use super::body::body;
use crate::base::{Channels, Error, Kind, Result, Shape};
use crate::kernel::TensorId;
use crate::models::{MAIN, Part, no_such_part};
use crate::nn::Build;
use crate::nn::layers::Conv;
use crate::ops::Activation;
use crate::ops::resample::pixel_regroup::PixelRegroup;

pub fn build(c: &Config, b: &mut Build<'_>, part: &Part) -> Result<()> {
    let Part { n, h, w, .. } = *part;
    if part.name != MAIN {
        return Err(no_such_part(super::NAME, part));
    }
    if (h, w) != (c.patch_size, c.patch_size) {
        return Err(Error::new(Kind::Usage, format!("ipt cannot take {h}x{w} pixels"))
            .why(format!("its position table is made for {0}x{0}", c.patch_size))
            .advice("cut the picture into tiles of this size"));
    }
    let index = part.extra.first().copied().unwrap_or(0);
    let Some(scale) = c.scale.get(index as usize).copied() else {
        return Err(Error::new(Kind::Usage, format!("ipt has no task {index}"))
            .why(format!("the checkpoint has {} heads", c.scale.len())));
    };
    if index >= c.runnable() {
        return Err(Error::new(Kind::Checkpoint, format!("ipt cannot run task {index}")).why(format!(
            "the checkpoint has {} heads and queries for {} of them",
            c.scale.len(),
            c.num_queries
        )));
    }
    let input = b.graph.input("input", Shape::new(n, h, w, c.n_colors));
    let x = b.conv("sub_mean", input, Conv::point(Channels::one(c.n_colors), true))?;
    let x = head(c, b, &format!("head.{index}"), x)?;
    let r = body(c, b, x, index)?;
    let r = b.sum("residual", r, x)?;
    let y = tail(c, b, &format!("tail.{index}"), r, scale)?;
    let y = b.conv("add_mean", y, Conv::point(Channels::one(c.n_colors), true))?;
    b.graph.output("output", y);
    ignore_unused(c, b);
    Ok(())
}

/// Buffers that hold no weights (the indices of the positions), and the heads and tails of tasks that are not run.
fn ignore_unused(c: &Config, b: &mut Build<'_>) {
    let task = |key: &str| key.strip_prefix("head.").or(key.strip_prefix("tail."))?.split('.').next()?.parse().ok();
    b.ignore(|key| key == "body.position_encoding.position_ids" || task(key).is_some_and(|n: u32| n >= c.runnable()));
}

/// A 3x3 convolution and two residual blocks of 5x5 convolutions.
fn head(c: &Config, b: &mut Build<'_>, path: &str, x: TensorId) -> Result<TensorId> {
    let mut x = b.conv(&format!("{path}.0"), x, Conv::same(c.n_feats, 3, true))?;
    for block in 1..=2 {
        let at = format!("{path}.{block}");
        let t = b.conv(&format!("{at}.body.0"), x, Conv::same(c.n_feats, 5, true))?;
        let t = b.activate(&format!("{at}.body.1"), t, Activation::Relu)?;
        let t = b.conv(&format!("{at}.body.2"), t, Conv::same(c.n_feats, 5, true))?;
        x = b.sum(&format!("{at}.add"), t, x)?;
        b.tap(&at, x);
    }
    b.tap(path, x);
    Ok(x)
}

/// Magnification and the last convolution. The official Upsampler is a Sequential of convolutions (even places) and
/// shuffles.
fn tail(c: &Config, b: &mut Build<'_>, path: &str, mut x: TensorId, scale: u32) -> Result<TensorId> {
    if scale == 3 {
        x = b.conv(&format!("{path}.0.0"), x, Conv::same(9 * c.n_feats, 3, true))?;
        x = b.add(&format!("{path}.0.1"), PixelRegroup { factor: 3, fine: true }, &[x], &[])?;
    } else {
        for step in 0..scale.ilog2() {
            x = b.conv(&format!("{path}.0.{}", 2 * step), x, Conv::same(4 * c.n_feats, 3, true))?;
            x = b.pixel_shuffle(&format!("{path}.0.{}", 2 * step + 1), x)?;
        }
    }
    let y = b.conv(&format!("{path}.1"), x, Conv::same(c.n_colors, 3, true))?;
    b.tap(path, y);
    Ok(y)
}
