//! Depthwise weights of each image: base plus the deltas of all tasks, each times the image's factor.

use crate::reference::Plain;

/// `factors` is `[n, tasks, 1, 1]`; base and deltas are `[channels, taps]`. The result is `[n, channels, 1, taps]`.
pub fn blend(factors: &Plain, base: &[f64], deltas: &[&[f64]], taps: usize) -> Plain {
    Plain::fill(factors.n, base.len() / taps, 1, taps, |n, c, _, tap| {
        let at = c * taps + tap;
        base[at] + deltas.iter().enumerate().map(|(t, d)| factors.at(n, t, 0, 0) * d[at]).sum::<f64>()
    })
}
