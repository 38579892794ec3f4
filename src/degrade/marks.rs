//! Damage to the picture's surface: scratches that cover what was below.

use super::Rng;
use super::fields::{chance, count, normal, uniform};
use super::plane::{Canvas, Plane};
use crate::base::Result;

/// Samples a pixel and axis that a line's cover is counted with.
const FINE: usize = 4;

/// Bent lines and small flecks, each nearly white or nearly black; `level` counts lines per 256x256 pixels.
pub fn scratches(clean: &Canvas, rng: &mut Rng, level: f32) -> Result<Canvas> {
    let (width, height) = clean.size();
    let expected = level * (width * height) as f32 / 65536.0;
    let mut ink = Ink { width: width * FINE, height: height * FINE, shades: vec![None; width * height * FINE * FINE] };
    for _ in 0..=count(rng, expected)? {
        let shade = if chance(rng, 0.7) { uniform(rng, 225.0, 255.0) } else { uniform(rng, 0.0, 30.0) };
        let points = path(rng, width as f32, height as f32);
        let radius = 0.5 * uniform(rng, 1.0, 3.5) * FINE as f32;
        for ends in points.windows(2) {
            ink.stroke(ends[0], ends[1], radius, shade as u8);
        }
    }
    let share = 1.0 / (FINE * FINE) as f32;
    let samples = |x: usize, y: usize| {
        let rows = (0..FINE).map(move |dy| (y * FINE + dy) * width * FINE + x * FINE);
        rows.flat_map(|start| &ink.shades[start..start + FINE]).flatten()
    };
    let cover = Plane::make(width, height, |x, y| samples(x, y).count() as f32 * share);
    let tone = Plane::make(width, height, |x, y| samples(x, y).map(|s| f32::from(*s)).sum::<f32>() * share);
    Ok(clean.each(|p| Plane::make(width, height, |x, y| p.at(x, y) * (1.0 - cover.at(x, y)) + tone.at(x, y))))
}

/// A line of 10 to 300 pixels whose direction drifts, in fine samples.
fn path(rng: &mut Rng, width: f32, height: f32) -> Vec<[f32; 2]> {
    let length = uniform(rng, 10_f32.ln(), 300_f32.ln()).exp();
    let steps = ((length / 8.0) as usize).max(3);
    let mut heading = uniform(rng, 0.0, std::f32::consts::TAU);
    let mut at = [0.0, 0.0];
    let points: Vec<[f32; 2]> = (0..steps)
        .map(|_| {
            heading += 0.12 * normal(rng);
            at = [at[0] + heading.cos() * length / steps as f32, at[1] + heading.sin() * length / steps as f32];
            at
        })
        .collect();
    let middle = [uniform(rng, 0.0, width) - at[0] / 2.0, uniform(rng, 0.0, height) - at[1] / 2.0];
    points.iter().map(|p| [0, 1].map(|i| (p[i] + middle[i]) * FINE as f32)).collect()
}

/// The shade of every fine sample that a line covers.
struct Ink {
    width: usize,
    height: usize,
    shades: Vec<Option<u8>>,
}

impl Ink {
    /// Everything within `radius` of the segment from `a` to `b`.
    fn stroke(&mut self, a: [f32; 2], b: [f32; 2], radius: f32, shade: u8) {
        let span = |i: usize, size: usize| {
            let (low, high) = (a[i].min(b[i]) - radius, a[i].max(b[i]) + radius);
            (low.max(0.0) as usize).min(size)..((high + 1.0).max(0.0) as usize).min(size)
        };
        let along = [b[0] - a[0], b[1] - a[1]];
        let square = (along[0] * along[0] + along[1] * along[1]).max(1e-6);
        for y in span(1, self.height) {
            for x in span(0, self.width) {
                let from = [x as f32 + 0.5 - a[0], y as f32 + 0.5 - a[1]];
                let t = ((from[0] * along[0] + from[1] * along[1]) / square).clamp(0.0, 1.0);
                let off = [from[0] - t * along[0], from[1] - t * along[1]];
                if off[0] * off[0] + off[1] * off[1] <= radius * radius {
                    self.shades[y * self.width + x] = Some(shade);
                }
            }
        }
    }
}
