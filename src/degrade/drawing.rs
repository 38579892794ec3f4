//! Targets that are no photographs: an edge picture and a pencil drawing, grey in three channels.

use super::Rng;
use super::plane::{Border, Canvas, Plane};
use crate::base::Result;

/// White lines on black: the gradient magnitude of the luma smoothed by `level` pixels, amplified sixfold.
pub fn edges(clean: &Canvas, _rng: &mut Rng, level: f32) -> Result<Canvas> {
    let gray = clean.luma().gaussian(level, 4.0, Border::Mirror);
    let (width, height) = clean.size();
    let at = |x: usize, y: usize, dx: isize, dy: isize| {
        let place = |at: usize, by: isize, size: usize| Border::Mirror.index(at as isize + by, size);
        gray.at(place(x, dx, width), place(y, dy, height))
    };
    Ok(three(&Plane::make(width, height, |x, y| {
        let sobel = |side: &dyn Fn(isize, isize) -> f32| -> f32 {
            [(-1, 1.0), (0, 2.0), (1, 1.0)].iter().map(|(i, w)| w * (side(1, *i) - side(-1, *i))).sum()
        };
        let across = sobel(&|d, i| at(x, y, d, i));
        let down = sobel(&|d, i| at(x, y, i, d));
        (6.0 * across.hypot(down) / 8.0 - 12.0).clamp(0.0, 255.0)
    })))
}

/// Dark strokes on white: the luma over its surroundings, `level` pixels wide, deepened by a gamma of 1.5.
pub fn pencil(clean: &Canvas, _rng: &mut Rng, level: f32) -> Result<Canvas> {
    let gray = clean.luma();
    let around = gray.gaussian(level, 2.5, Border::Mirror);
    Ok(three(&Plane::make(gray.width, gray.height, |x, y| {
        255.0 * ((gray.at(x, y) + 1.0) / (around.at(x, y) + 1.0)).clamp(0.0, 1.0).powf(1.5)
    })))
}

fn three(gray: &Plane) -> Canvas {
    Canvas([gray.clone(), gray.clone(), gray.clone()])
}
