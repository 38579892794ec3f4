//! Rain, snow and haze; the level runs from 0, hardly any, to 100, heavy.

use rand::RngExt as _;

use super::Rng;
use super::fields::{blobs, dots, mixed, uniform};
use super::plane::{Border, Canvas, Plane};
use crate::base::Result;

/// One to three layers of parallel streaks, drawn in angle, length, width and density, under a pale veil.
pub fn rain(clean: &Canvas, rng: &mut Rng, level: f32) -> Result<Canvas> {
    let (size, strength) = (clean.size(), level / 100.0);
    let angle = uniform(rng, -45.0, 45.0);
    let mut wet = Plane::make(size.0, size.1, |_, _| 0.0);
    for _ in 0..rng.random_range(1..4) {
        let density = uniform(rng, 0.002, 0.006) * (0.3 + strength);
        let tilt = angle + uniform(rng, -5.0, 5.0);
        let (length, width) = (uniform(rng, 9.0, 40.0), uniform(rng, 0.5, 1.1));
        let bright = uniform(rng, 0.5, 1.0);
        wet = wet.max(&streaks(rng, size, density, tilt, length, width).map(|v| v * bright));
    }
    let colour = uniform(rng, 190.0, 255.0);
    let veil = uniform(rng, 0.0, 0.2) * strength;
    Ok(clean.covered(&wet.map(|v| v * (0.35 + 0.45 * strength)), colour).veiled(veil, 210.0))
}

/// Bright points smeared along a line `angle` degrees from the vertical, 0..1.
fn streaks(rng: &mut Rng, size: (usize, usize), density: f32, angle: f32, length: f32, width: f32) -> Plane {
    let reach = (length / 2.0) as usize + 2;
    let padded = (size.0 + 2 * reach, size.1 + 2 * reach);
    let points = dots(rng, padded, density, 0.4).gaussian(width, 4.0, Border::Mirror);
    let (slope, taps) = (angle.to_radians().tan(), ((length * angle.to_radians().cos()) as isize).max(3));
    let moves: Vec<(isize, isize)> =
        (0..taps).map(|i| i - taps / 2).map(|down| ((down as f32 * slope).round() as isize, down)).collect();
    Plane::make(size.0, size.1, |x, y| {
        let back = |at: usize, by: isize, side: usize| Border::Wrap.index((at + reach) as isize - by, side);
        let sum: f32 = moves.iter().map(|(dx, dy)| points.at(back(x, *dx, padded.0), back(y, *dy, padded.1))).sum();
        (2.5 * width * sum).clamp(0.0, 1.0)
    })
}

/// Radius in pixels and density of the three sizes of flakes: the larger, the rarer and softer.
const FLAKES: [(f32, f32); 3] = [(0.7, 0.006), (1.4, 0.0022), (2.8, 0.0006)];

/// Flakes over a light brightening veil.
pub fn snow(clean: &Canvas, rng: &mut Rng, level: f32) -> Result<Canvas> {
    let (size, strength) = (clean.size(), level / 100.0);
    let mut cover = Plane::make(size.0, size.1, |_, _| 0.0);
    for (sigma, share) in FLAKES {
        let density = share * (0.3 + strength) * uniform(rng, 0.5, 1.5);
        let radius = sigma * uniform(rng, 0.8, 1.25);
        let bright = uniform(rng, 0.75, 1.0);
        cover = cover.max(&blobs(rng, size, density, radius).map(|v| v * bright));
    }
    let veil = uniform(rng, 0.0, 0.15) * strength;
    Ok(clean.veiled(veil, 235.0).covered(&cover, uniform(rng, 235.0, 255.0)))
}

/// The scattering model `I = J t + A (1 - t)`, `t = exp(-beta depth)`, with a near-grey airlight A. The depth is a smooth
/// field that grows towards the top, as in a landscape.
pub fn haze(clean: &Canvas, rng: &mut Rng, level: f32) -> Result<Canvas> {
    let (width, height) = clean.size();
    let field = mixed(rng, (width, height), 200.0);
    let slope = uniform(rng, 0.0, 1.0) * height as f32 / 512.0;
    let beta = 0.25 + 1.55 * level / 100.0;
    let opaque = Plane::make(width, height, |x, y| {
        let up = 0.5 - y as f32 / (height.max(2) - 1) as f32;
        let depth = 1.0 + 0.3 * field.at(x, y) + slope * up;
        1.0 - (-beta * depth.clamp(0.15, 2.0)).exp()
    });
    let airlight = uniform(rng, 180.0, 250.0);
    Ok(clean.each(|p| {
        let air = airlight + uniform(rng, -8.0, 8.0);
        Plane::make(width, height, |x, y| p.at(x, y) + (air - p.at(x, y)) * opaque.at(x, y))
    }))
}
