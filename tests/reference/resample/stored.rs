//! A stored picture `[channels, h, w]`, once for each of n images.

use crate::reference::Plain;

pub fn stored(picture: &[f64], n: usize, (channels, h, w): (usize, usize, usize)) -> Plain {
    Plain::fill(n, channels, h, w, |_, c, y, x| picture[(c * h + y) * w + x])
}
