//! What a sensor does to light: additive noise, defective pixels, and too little of it.

use super::Rng;
use super::fields::{chance, normal, uniform};
use super::plane::{Canvas, Plane};
use crate::base::Result;

/// Independent normal noise of standard deviation `sigma` on every sample.
pub fn gaussian_noise(clean: &Canvas, rng: &mut Rng, sigma: f32) -> Result<Canvas> {
    Ok(clean.each(|p| Plane { values: p.values.iter().map(|v| v + sigma * normal(rng)).collect(), ..*p }))
}

/// Some `percent` of the pixels become pure white or black, all channels together.
pub fn salt_and_pepper(clean: &Canvas, rng: &mut Rng, percent: f32) -> Result<Canvas> {
    let (width, height) = clean.size();
    let hit = Plane::make(width, height, |_, _| f32::from(chance(rng, percent / 100.0)));
    let tone = Plane::make(width, height, |_, _| if chance(rng, 0.5) { 255.0 } else { 0.0 });
    Ok(clean.each(|p| Plane::make(width, height, |x, y| if hit.at(x, y) > 0.0 { tone.at(x, y) } else { p.at(x, y) })))
}

/// `light` percent of the range after a darkening gamma of 1.2 to 1.8, with shot and read noise: an underexposed picture
/// whose shadows are crushed.
pub fn low_light(clean: &Canvas, rng: &mut Rng, light: f32) -> Result<Canvas> {
    let gamma = uniform(rng, 1.2, 1.8);
    let (read, shot) = (uniform(rng, 0.5, 2.0), uniform(rng, 0.05, 0.2));
    let mut one = |v: f32| {
        let dark = 2.55 * light * (v / 255.0).powf(gamma);
        dark + normal(rng) * (read * read + shot * dark).sqrt()
    };
    Ok(clean.each(|p| Plane { values: p.values.iter().map(|v| one(*v)).collect(), ..*p }))
}
