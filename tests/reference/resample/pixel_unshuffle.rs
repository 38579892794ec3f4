//! Channel 4 c + 2 dy + dx at (y, x) comes from channel c at (2 y + dy, 2 x + dx).

use crate::reference::Plain;

pub fn pixel_unshuffle(x: &Plain) -> Plain {
    Plain::fill(x.n, 4 * x.c, x.h / 2, x.w / 2, |n, c, y, i| x.at(n, c / 4, 2 * y + c % 4 / 2, 2 * i + c % 2))
}
