//! Sums over runs of pixels times a factor; the last run may be shorter, or empty.

use crate::reference::Plain;

pub fn mean(x: &Plain, chunks: usize, factor: f64) -> Plain {
    let pixels = x.h * x.w;
    let size = pixels.div_ceil(chunks);
    Plain::fill(x.n, x.c, 1, chunks, |n, c, _, chunk| {
        let range = (chunk * size).min(pixels)..((chunk + 1) * size).min(pixels);
        range.map(|p| x.token(n, c, p)).sum::<f64>() * factor
    })
}
