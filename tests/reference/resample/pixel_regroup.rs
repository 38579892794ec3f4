//! Channel c r^2 + dy r + dx of a coarse pixel is channel c at (dy, dx) of its r x r block of fine pixels.

use crate::reference::Plain;

pub fn to_fine(x: &Plain, r: usize) -> Plain {
    Plain::fill(x.n, x.c / (r * r), r * x.h, r * x.w, |n, c, y, i| {
        x.at(n, c * r * r + (y % r) * r + i % r, y / r, i / r)
    })
}

pub fn to_coarse(x: &Plain, r: usize) -> Plain {
    Plain::fill(x.n, x.c * r * r, x.h / r, x.w / r, |n, c, y, i| {
        let (dy, dx) = (c % (r * r) / r, c % r);
        x.at(n, c / (r * r), y * r + dy, i * r + dx)
    })
}
