//! Rain, snow and haze; the level runs from 0, hardly any, to 100, heavy.

use rand::RngExt as _;

use super::Rng;
use super::fields::{blobs, count, dots, mixed, normal, uniform};
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
        wet = wet.max(&smeared(rng, size, density, tilt, length, width).map(|v| v * bright));
    }
    let colour = uniform(rng, 190.0, 255.0);
    let veil = uniform(rng, 0.0, 0.2) * strength;
    Ok(clean.covered(&wet.map(|v| v * (0.35 + 0.45 * strength)), colour).veiled(veil, 210.0))
}

/// Bright points smeared along a line `angle` degrees from the vertical, 0..1.
fn smeared(rng: &mut Rng, size: (usize, usize), density: f32, angle: f32, length: f32, width: f32) -> Plane {
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

/// How far around the picture streaks have their centres.
const MARGIN: f32 = 32.0;

/// Rain whose every streak has a length, width, brightness and end of its own, added as light: most of them faint, a few
/// bright and broad, all of them falling nearly the same way, and no veil. Much used sets of rainy pictures look like it.
pub fn streaks(clean: &Canvas, rng: &mut Rng, level: f32) -> Result<Canvas> {
    let (width, height) = clean.size();
    let (wide, high) = (width as f32 + 2.0 * MARGIN, height as f32 + 2.0 * MARGIN);
    let expected = wide * high * uniform(rng, 0.004, 0.01) * level / 100.0;
    let size = uniform(rng, 0.7, 1.6);
    let (tilt, spread) = (18.0 * normal(rng), uniform(rng, 0.5, 4.0));
    let mut light = Plane::make(width, height, |_, _| 0.0);
    for _ in 0..count(rng, expected)? {
        let streak = Streak {
            x: uniform(rng, 0.0, wide) - MARGIN,
            y: uniform(rng, 0.0, high) - MARGIN,
            angle: (tilt + spread * normal(rng)).to_radians(),
            half: size * (3.0 + 0.6 * normal(rng)).exp() / 2.0,
            width: size * uniform(rng, 0.4, 1.1),
            peak: -0.085 * (1.0 - uniform(rng, 0.0, 1.0)).ln() * (0.5 + level / 100.0),
        };
        streak.add_to(&mut light);
    }
    let colour = uniform(rng, 225.0, 255.0);
    Ok(clean.each(|p| Plane::make(width, height, |x, y| p.at(x, y) + colour * light.at(x, y).min(1.0))))
}

/// A line of `2 half` pixels `angle` from the vertical, Gaussian across, fading towards its ends.
struct Streak {
    x: f32,
    y: f32,
    angle: f32,
    half: f32,
    width: f32,
    peak: f32,
}

impl Streak {
    fn add_to(&self, light: &mut Plane) {
        let (right, down) = self.angle.sin_cos();
        // The pixels of one axis that it reaches.
        let span = |centre: f32, part: f32, side: usize| {
            let reach = self.half * part.abs() + 3.0 * self.width;
            ((centre - reach).ceil().max(0.0) as usize)..(((centre + reach).floor() + 1.0).max(0.0) as usize).min(side)
        };
        for y in span(self.y, down, light.height) {
            for x in span(self.x, right, light.width) {
                let (dx, dy) = (x as f32 - self.x, y as f32 - self.y);
                let along = (dy * down + dx * right) / self.half;
                let across = (dx * down - dy * right) / self.width;
                let fading = (1.0 - along * along).max(0.0);
                light.values[y * light.width + x] += self.peak * fading * (-0.5 * across * across).exp();
            }
        }
    }
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

/// The same scattering over depths from very near to very far, which leap where colours do, as from one building to the
/// next: what is near is hardly veiled, what is far nearly lost.
pub fn fog(clean: &Canvas, rng: &mut Rng, level: f32) -> Result<Canvas> {
    let (width, height) = clean.size();
    let (near, slope) = (uniform(rng, 0.05, 1.2), uniform(rng, 0.0, 1.2) * height as f32 / 256.0);
    let mut depth = Plane::make(width, height, |_, y| near + slope * (1.0 - y as f32 / (height.max(2) - 1) as f32));
    let guide = guide(clean, [0; 3].map(|_| normal(rng)));
    for _ in 0..rng.random_range(0..4) {
        let waves = mixed(rng, (width, height), 150.0);
        let (edge, fall) = (0.8 * normal(rng), uniform(rng, 0.0, 0.6));
        depth = Plane::make(width, height, |x, y| {
            let beyond = ((guide.at(x, y) + 0.2 * waves.at(x, y) - edge) / 0.6 + 0.5).clamp(0.0, 1.0);
            depth.at(x, y) * (1.0 - beyond * fall)
        });
    }
    let waves = mixed(rng, (width, height), 100.0);
    let beta = 0.25 + 1.55 * level / 100.0;
    let airlight = uniform(rng, 180.0, 255.0);
    Ok(clean.each(|p| {
        let air = airlight + uniform(rng, -6.0, 6.0);
        Plane::make(width, height, |x, y| {
            let far = depth.at(x, y) * (1.0 + 0.15 * waves.at(x, y));
            air + (p.at(x, y) - air) * (-beta * far.clamp(0.02, 2.5)).exp()
        })
    }))
}

/// Colours along a direction, without what is small; mean 0 and standard deviation 1.
fn guide(clean: &Canvas, direction: [f32; 3]) -> Plane {
    let (width, height) = clean.size();
    let mix = |x, y| clean.0.iter().zip(direction).map(|(p, share)| p.at(x, y) * share).sum();
    let smooth = Plane::make(width, height, mix).median(3);
    let mean = |values: &Plane| values.values.iter().map(|v| f64::from(*v)).sum::<f64>() / values.values.len() as f64;
    let middle = mean(&smooth) as f32;
    let deviation = mean(&smooth.map(|v| (v - middle).powi(2))).sqrt() as f32;
    smooth.map(|v| (v - middle) / (deviation + 1.0))
}
