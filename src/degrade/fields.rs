//! Random numbers, and smooth random fields whose scale is in pixels, so that a crop looks like a piece of a picture.

use rand::RngExt as _;
use rand_distr::{Distribution as _, Poisson, StandardNormal};

use super::Rng;
use super::plane::{Border, Plane};
use crate::base::{Error, Kind, Result};

pub fn uniform(rng: &mut Rng, low: f32, high: f32) -> f32 {
    low + (high - low) * rng.random::<f32>()
}

pub fn normal(rng: &mut Rng) -> f32 {
    StandardNormal.sample(rng)
}

/// Whether something of this chance happens.
pub fn chance(rng: &mut Rng, probability: f32) -> bool {
    rng.random::<f32>() < probability
}

/// How many there are of what is scattered independently, `expected` on average.
pub fn count(rng: &mut Rng, expected: f32) -> Result<usize> {
    let drawn = Poisson::new(expected)
        .map_err(|e| Error::new(Kind::Usage, format!("{expected} marks on a picture cannot be drawn")).why(e))?
        .sample(rng);
    Ok(drawn as usize)
}

/// Roughly standard-normal values that vary over about `cell` pixels.
fn smooth(rng: &mut Rng, (width, height): (usize, usize), cell: f32) -> Plane {
    let knots = |side: usize| (side as f32 / cell).ceil() as usize + 3;
    let coarse = Plane::make(knots(width), knots(height), |_, _| normal(rng));
    let start = [0, 1].map(|_| 1.0 + uniform(rng, 0.0, 1.0));
    // The knot below a position, and the smoothstep share of the one above.
    let between = |at: usize, axis: usize, knots: usize| {
        let at = at as f32 / cell + start[axis];
        let below = (at as usize).min(knots - 2);
        let share = at - below as f32;
        (below, share * share * (3.0 - 2.0 * share))
    };
    Plane::make(width, height, |x, y| {
        let ((left, across), (top, down)) = (between(x, 0, coarse.width), between(y, 1, coarse.height));
        let row = |y| coarse.at(left, y) * (1.0 - across) + coarse.at(left + 1, y) * across;
        1.4 * (row(top) * (1.0 - down) + row(top + 1) * down)
    })
}

/// Three octaves, together about standard normal.
pub fn mixed(rng: &mut Rng, size: (usize, usize), cell: f32) -> Plane {
    let octaves = [1.0, 0.5, 0.25].map(|scale| smooth(rng, size, cell * scale).map(|v| v * scale / 1.15));
    let [a, b, c] = &octaves;
    Plane::make(size.0, size.1, |x, y| a.at(x, y) + b.at(x, y) + c.at(x, y))
}

/// `density` points a pixel, of brightness `low`..1.
pub fn dots(rng: &mut Rng, (width, height): (usize, usize), density: f32, low: f32) -> Plane {
    Plane::make(width, height, |_, _| if chance(rng, density) { uniform(rng, low, 1.0) } else { 0.0 })
}

/// Points spread to blobs of radius `sigma` pixels, 0..1.
pub fn blobs(rng: &mut Rng, size: (usize, usize), density: f32, sigma: f32) -> Plane {
    let gain = std::f32::consts::TAU * sigma * sigma + 1.0;
    dots(rng, size, density, 0.5).gaussian(sigma, 4.0, Border::Wrap).map(|v| (v * gain).clamp(0.0, 1.0))
}
