//! The degradation sensor: tells from the pixels which class of damage a picture shows. The published PIP is always told
//! (its own `use_degradation_sensor` raises); this small classifier is ours and travels in our files under [`PREFIX`].

use crate::base::{Channels, Result, Shape};
use crate::checkpoint::StateDict;
use crate::models::Part;
use crate::nn::Build;
use crate::nn::layers::Conv;
use crate::ops::Activation;

/// Keys of the sensor: `0` to `3` and `head`, each with weight and bias.
pub const PREFIX: &str = "vernis.sensor.";

/// The graph's name as a [`Part`].
pub const NAME: &str = "sensor";

/// Strided convolutions.
const LAYERS: usize = 4;

/// Height and width of a view must be multiples of this.
pub const MULTIPLE: u32 = 1 << LAYERS;

pub fn part(h: u32, w: u32) -> Part {
    Part { name: NAME, n: 1, h, w, extra: Vec::new() }
}

pub fn present(dict: &StateDict) -> bool {
    dict.contains(&format!("{PREFIX}head.weight"))
}

/// Input `input` `[n, h, w, channels]`, values in 0..=1; output `classes` `[n, 1, 1, classes]`, unnormalised scores.
pub fn build(b: &mut Build<'_>, part: &Part, channels: u32, classes: u32) -> Result<()> {
    let mut t = b.graph.input("input", Shape::new(part.n, part.h, part.w, channels));
    for layer in 0..LAYERS {
        let path = format!("{PREFIX}{layer}");
        let out = b.weight_outputs(&format!("{path}.weight"))?;
        t = b.conv(&path, t, Conv { stride: 2, ..Conv::same(out, 3, true) })?;
        t = b.activate(&format!("{path}.relu"), t, Activation::Relu)?;
    }
    let t = b.global_mean(&format!("{PREFIX}mean"), t)?;
    let y = b.conv(&format!("{PREFIX}head"), t, Conv::point(Channels::one(classes), true))?;
    b.graph.output("classes", y);
    Ok(())
}
