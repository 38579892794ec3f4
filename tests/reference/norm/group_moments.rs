//! Mean (column 0) and sum of squared deviations (column 1) of each channel over each chunk of pixels (rows).

use crate::reference::Plain;

/// Pixels of chunk `i`: equal parts, the last ones shorter or empty.
pub fn chunk(pixels: usize, chunks: usize, i: usize) -> std::ops::Range<usize> {
    let size = pixels.div_ceil(chunks);
    (i * size).min(pixels)..((i + 1) * size).min(pixels)
}

pub fn group_moments(x: &Plain, chunks: usize) -> Plain {
    let pixels = x.h * x.w;
    Plain::fill(x.n, x.c, chunks, 2, |n, c, i, which| {
        let values: Vec<f64> = chunk(pixels, chunks, i).map(|p| x.token(n, c, p)).collect();
        let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
        if which == 0 { mean } else { values.iter().map(|v| (v - mean).powi(2)).sum() }
    })
}
