//! The graph. Beta and gamma of a block are factors of its last convolutions and are folded into them at load.

use super::Config;
use crate::base::{Channels, Result, Shape};
use crate::kernel::TensorId;
use crate::models::{MAIN, Part, no_such_part};
use crate::nn::Build;
use crate::nn::layers::Conv;
use crate::nn::unet_levels::stage;
use crate::ops::reduce::box_mean::BoxMean;
use crate::ops::{Activation, Storage};

pub fn build(c: &Config, b: &mut Build<'_>, part: &Part) -> Result<()> {
    let Part { n, h, w, .. } = *part;
    if part.name != MAIN {
        return Err(no_such_part(super::NAME, part));
    }
    let input = b.graph.input("input", Shape::new(n, h, w, c.img_channel));
    let x = b.pad_to_multiple(input, 1 << c.enc_blk_nums.len())?;
    let mut pool = Pool::new(c);
    let mut t = b.conv("intro", x, Conv::same(c.width, 3, true))?;
    let mut skips = Vec::new();
    for (level, count) in c.enc_blk_nums.iter().enumerate() {
        t = stage(b, &format!("encoders.{level}"), *count as usize, t, |b, p, x| block(b, p, x, &pool))?;
        skips.push(t);
        let out = Channels::one(2 * b.shape(t).c.logical());
        let down = Conv { out, stride: 2, pad: 0, ..Conv::same(0, 2, true) };
        t = b.conv(&format!("downs.{level}"), t, down)?;
        pool.down();
    }
    t = stage(b, "middle_blks", c.middle_blk_num as usize, t, |b, p, x| block(b, p, x, &pool))?;
    for (level, count) in c.dec_blk_nums.iter().enumerate() {
        let out = Channels::one(2 * b.shape(t).c.logical());
        t = b.conv(&format!("ups.{level}.0"), t, Conv::point(out, false))?;
        t = b.pixel_shuffle(&format!("ups.{level}.1"), t)?;
        pool.up();
        if let Some(skip) = skips.pop() {
            t = b.sum(&format!("skip{level}"), t, skip)?;
        }
        t = stage(b, &format!("decoders.{level}"), *count as usize, t, |b, p, x| block(b, p, x, &pool))?;
    }
    let t = b.conv("ending", t, Conv::same(c.img_channel, 3, true))?;
    let y = b.sum("residual", t, x)?;
    let y = b.crop(y, h, w)?;
    b.graph.output("output", y);
    Ok(())
}

/// NAFBlock.
pub fn block(b: &mut Build<'_>, path: &str, x: TensorId, pool: &Pool) -> Result<TensorId> {
    block_with(b, path, x, pool, |_, t| Ok(t))
}

/// NAFBlock; `normed` may change the result of its first norm.
pub fn block_with(
    b: &mut Build<'_>,
    path: &str,
    x: TensorId,
    pool: &Pool,
    normed: impl FnOnce(&mut Build<'_>, TensorId) -> Result<TensorId>,
) -> Result<TensorId> {
    let at = |name: &str| format!("{path}.{name}");
    let c = b.shape(x).c.logical();
    let t = b.layer_norm(&at("norm1"), x, 1e-6)?;
    let t = normed(b, t)?;
    let wide = b.weight_outputs(&at("conv1.weight"))? / 2;
    let t = b.conv(&at("conv1"), t, Conv::point(Channels::repeat(wide, 2), true))?;
    let t = b.depthwise(&at("conv2"), t, 3, true)?;
    let t = b.gate(&at("sg"), t, Activation::None)?;
    let pooled = pool.apply(b, &at("sca.0"), t)?;
    let weights = b.conv(&at("sca.1"), pooled, Conv::point(Channels::one(wide), true))?;
    b.tap(&at("sca"), weights);
    let t = b.product(&at("scale"), t, weights)?;
    let t = b.conv(&at("conv3"), t, Conv::point(Channels::one(c), true).scaled_by(at("beta")))?;
    let y = b.sum(&at("add1"), x, t)?;
    let t = b.layer_norm(&at("norm2"), y, 1e-6)?;
    let wide = b.weight_outputs(&at("conv4.weight"))? / 2;
    let t = b.conv(&at("conv4"), t, Conv::point(Channels::repeat(wide, 2), true))?;
    let t = b.gate(&at("sg2"), t, Activation::None)?;
    let t = b.conv(&at("conv5"), t, Conv::point(Channels::one(c), true).scaled_by(at("gamma")))?;
    b.sum(&at("add2"), y, t)
}

/// The average pool in front of `sca.1`: global, or TLC's sliding window at the current level.
#[derive(Debug, Clone)]
pub struct Pool {
    /// Feature size at a training crop, and the crop's size; `None` for global pools.
    local: Option<([u32; 2], [u32; 2])>,
    /// Feature sizes of the levels above.
    above: Vec<[u32; 2]>,
}

impl Pool {
    pub const GLOBAL: Pool = Pool { local: None, above: Vec::new() };

    pub fn new(c: &Config) -> Self {
        let multiple = 1 << c.enc_blk_nums.len();
        let local = c.train_size.map(|[_, _, h, w]| {
            let padded = [h.next_multiple_of(multiple), w.next_multiple_of(multiple)];
            (padded, [h, w])
        });
        Pool { local, above: Vec::new() }
    }

    fn down(&mut self) {
        if let Some((feature, _)) = &mut self.local {
            self.above.push(*feature);
            *feature = feature.map(|d| d / 2);
        }
    }

    fn up(&mut self) {
        if let (Some((feature, _)), Some(previous)) = (&mut self.local, self.above.pop()) {
            *feature = previous;
        }
    }

    /// Window of `base_size` 1.5 times the training crop, scaled to the features (Local_Base of TLC).
    fn window(&self) -> Option<[u32; 2]> {
        self.local.map(|(feature, train)| {
            [0, 1].map(|i| {
                let base = (f64::from(train[i]) * 1.5) as u32;
                feature[i] * base / train[i]
            })
        })
    }

    pub fn apply(&self, b: &mut Build<'_>, path: &str, x: TensorId) -> Result<TensorId> {
        let s = b.shape(x);
        let Some([kh, kw]) = self.window() else { return b.global_mean(path, x) };
        if kh >= s.h && kw >= s.w {
            return b.global_mean(path, x);
        }
        let across = BoxMean { size: kw.min(s.w), vertical: false, storage: Storage::F32 };
        let t = b.graph.add(&format!("{path}.x"), across, &[x], &[])?;
        b.add(path, BoxMean { size: kh.min(s.h), vertical: true, storage: Storage::Activation }, &[t], &[])
    }
}
