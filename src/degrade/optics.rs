//! What lenses, hands and codecs do: defocus, motion blur, JPEG compression.

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::Rng;
use super::fields::uniform;
use super::plane::{Border, Canvas, Plane};
use crate::base::{Error, Kind, Result};
use crate::image::compare::quantise8;
use crate::image::{Limits, decode_bytes};

/// Isotropic blur of standard deviation `sigma` pixels.
pub fn gaussian_blur(clean: &Canvas, _rng: &mut Rng, sigma: f32) -> Result<Canvas> {
    Ok(clean.each(|p| p.gaussian(sigma, 3.0, Border::Mirror)))
}

/// The mean along a slightly bent path of `length` pixels, as of a hand that moves.
pub fn motion_blur(clean: &Canvas, rng: &mut Rng, length: f32) -> Result<Canvas> {
    let taps = path(rng, length);
    let (width, height) = clean.size();
    let at = |p: &Plane, x: usize, y: usize| -> f32 {
        let place = |at: usize, by: isize, size: usize| Border::Mirror.index(at as isize + by, size);
        taps.iter().map(|(dx, dy, weight)| weight * p.at(place(x, *dx, width), place(y, *dy, height))).sum()
    };
    Ok(clean.each(|p| Plane::make(width, height, |x, y| at(p, x, y))))
}

/// Offsets and weights, of sum 1: a quadratic path at a drawn angle, spread to its pixels bilinearly.
fn path(rng: &mut Rng, length: f32) -> Vec<(isize, isize, f32)> {
    let (angle, bend) = (uniform(rng, 0.0, std::f32::consts::PI), uniform(rng, -0.25, 0.25));
    let points = ((4.0 * length) as usize).max(2);
    let mut taps = std::collections::BTreeMap::<(isize, isize), f32>::new();
    for i in 0..points {
        let along = i as f32 / (points - 1) as f32 - 0.5;
        let across = bend * (4.0 * along * along - 1.0 / 3.0);
        let x = length * (along * angle.cos() - across * angle.sin());
        let y = length * (along * angle.sin() + across * angle.cos());
        for (dx, dy) in [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)] {
            let weight = (1.0 - dx - (x - x.floor())).abs() * (1.0 - dy - (y - y.floor())).abs();
            *taps.entry(((x.floor() + dx) as isize, (y.floor() + dy) as isize)).or_default() += weight / points as f32;
        }
    }
    taps.into_iter().map(|((x, y), weight)| (x, y, weight)).collect()
}

/// A baseline JPEG with 4:2:0 chroma, decoded again.
pub fn jpeg(clean: &Canvas, _rng: &mut Rng, quality: f32) -> Result<Canvas> {
    let refused = |why: String| Error::new(Kind::Other, "the JPEG codec refuses the picture").why(why);
    let (width, height) = clean.size();
    let side = |v: usize| u16::try_from(v).map_err(|_| refused(format!("{v} pixels are more than a JPEG holds")));
    let samples: Vec<u8> = clean.quantised().iter().map(|v| quantise8(*v)).collect();
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, quality.round().clamp(1.0, 100.0) as u8);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.encode(&samples, side(width)?, side(height)?, ColorType::Rgb).map_err(|e| refused(e.to_string()))?;
    Ok(Canvas::of(&decode_bytes(&bytes, "the JPEG", &Limits::default())?))
}
