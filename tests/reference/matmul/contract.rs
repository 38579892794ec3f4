//! Convolution and matrix product, with what the engine fuses around them, each step on its own.

use crate::reference::Plain;

/// A k x k convolution with zero padding; `weight` is `[out, in, k, k]`.
pub struct Conv<'a> {
    pub weight: &'a [f64],
    pub bias: Option<&'a [f64]>,
    pub out: usize,
    pub k: usize,
    pub stride: usize,
    pub pad: usize,
}

pub fn conv(x: &Plain, p: &Conv<'_>) -> Plain {
    let (h, w) = ((x.h + 2 * p.pad - p.k) / p.stride + 1, (x.w + 2 * p.pad - p.k) / p.stride + 1);
    Plain::fill(x.n, p.out, h, w, |n, o, y, i| {
        let mut sum = p.bias.map_or(0.0, |b| b[o]);
        for c in 0..x.c {
            for ky in 0..p.k {
                for kx in 0..p.k {
                    let iy = (y * p.stride + ky) as isize - p.pad as isize;
                    let ix = (i * p.stride + kx) as isize - p.pad as isize;
                    sum += x.padded(n, c, iy, ix) * p.weight[((o * x.c + c) * p.k + ky) * p.k + kx];
                }
            }
        }
        sum
    })
}

/// `(x - mean) / deviation` from statistics `[n, 2.., h, w]`: mean, then 1 / deviation.
pub fn standardise(x: &Plain, stats: &Plain, centre: bool) -> Plain {
    Plain::fill(x.n, x.c, x.h, x.w, |n, c, y, i| {
        let mean = if centre { stats.at(n, 0, y, i) } else { 0.0 };
        (x.at(n, c, y, i) - mean) * stats.at(n, 1, y, i)
    })
}

/// `x * gamma + beta` per channel.
pub fn affine(x: &Plain, gamma: Option<&[f64]>, beta: Option<&[f64]>) -> Plain {
    Plain::fill(x.n, x.c, x.h, x.w, |n, c, y, i| {
        x.at(n, c, y, i) * gamma.map_or(1.0, |g| g[c]) + beta.map_or(0.0, |b| b[c])
    })
}
