//! Depthwise convolution, zero padding k / 2.

use crate::reference::Plain;

/// `weight` is `[c, k, k]`.
pub fn depthwise(x: &Plain, weight: &[f64], bias: Option<&[f64]>, k: usize) -> Plain {
    let r = (k / 2) as isize;
    Plain::fill(x.n, x.c, x.h, x.w, |n, c, y, i| {
        let mut sum = bias.map_or(0.0, |b| b[c]);
        for ky in 0..k {
            for kx in 0..k {
                let v = x.padded(n, c, y as isize + ky as isize - r, i as isize + kx as isize - r);
                sum += v * weight[(c * k + ky) * k + kx];
            }
        }
        sum
    })
}
