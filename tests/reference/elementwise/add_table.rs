//! x plus a row of the table for each pixel, the same for every image.

use crate::reference::Plain;

/// `table` is `[pixels, channels]`.
pub fn add_table(x: &Plain, table: &[f64]) -> Plain {
    Plain::fill(x.n, x.c, x.h, x.w, |n, c, y, i| x.at(n, c, y, i) + table[(y * x.w + i) * x.c + c])
}
