//! Output projection times attention map: the matrix `[n, 1, out, heads * c]` that takes v to the projected result.

use crate::reference::Plain;

/// `map` is `[n, heads, c, c]`, `weight` `[out, heads * c]`.
pub fn channel_project(map: &Plain, weight: &[f64], out: usize) -> Plain {
    let c = map.w;
    let k = map.c * c;
    Plain::fill(map.n, 1, out, k, |n, _, o, column| {
        let (head, j) = (column / c, column % c);
        (0..c).map(|i| weight[o * k + head * c + i] * map.at(n, head, i, j)).sum()
    })
}

/// Applies the map to v `[n, heads * c, h, w]`, head by head: what the matrix is for.
pub fn apply(map: &Plain, v: &Plain) -> Plain {
    let c = map.w;
    Plain::fill(v.n, v.c, v.h, v.w, |n, channel, y, x| {
        let (head, i) = (channel / c, channel % c);
        (0..c).map(|j| map.at(n, head, i, j) * v.at(n, head * c + j, y, x)).sum()
    })
}
