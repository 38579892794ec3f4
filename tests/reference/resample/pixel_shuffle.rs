//! Channel 4 c + 2 dy + dx at (y, x) goes to channel c at (2 y + dy, 2 x + dx), where the residual is added.

use crate::reference::Plain;

pub fn pixel_shuffle(x: &Plain, residual: Option<&Plain>) -> Plain {
    Plain::fill(x.n, x.c / 4, 2 * x.h, 2 * x.w, |n, c, y, i| {
        x.at(n, 4 * c + 2 * (y % 2) + i % 2, y / 2, i / 2) + residual.map_or(0.0, |r| r.at(n, c, y, i))
    })
}
