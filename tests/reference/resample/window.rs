//! A window of the input, zero outside it.

use crate::reference::Plain;

pub fn window(x: &Plain, h: usize, w: usize, top: isize, left: isize) -> Plain {
    Plain::fill(x.n, x.c, h, w, |n, c, y, i| x.padded(n, c, y as isize + top, i as isize + left))
}
