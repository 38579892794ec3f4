//! TLC's local average pool along one axis: valid means of `size` pixels, then replicated to the old length, with
//! floor((length - valid) / 2) copies in front.

use crate::reference::Plain;

pub fn box_mean(x: &Plain, size: usize, vertical: bool) -> Plain {
    let length = if vertical { x.h } else { x.w };
    let valid = length - size + 1;
    let front = (length - valid) / 2;
    Plain::fill(x.n, x.c, x.h, x.w, |n, c, y, i| {
        let at = if vertical { y } else { i };
        let start = at.saturating_sub(front).min(valid - 1);
        let sum: f64 = (start..start + size).map(|k| if vertical { x.at(n, c, k, i) } else { x.at(n, c, y, k) }).sum();
        sum / size as f64
    })
}
