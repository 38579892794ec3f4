//! Bilinear with half-pixel centres and clamped edges, or nearest by floor(i * in / out).

use crate::reference::Plain;

pub fn resize(x: &Plain, h: usize, w: usize, nearest: bool) -> Plain {
    let tap = |i: usize, from: usize, to: usize| {
        let at = ((i as f64 + 0.5) * from as f64 / to as f64 - 0.5).max(0.0);
        let low = (at.floor() as usize).min(from - 1);
        (low, (low + 1).min(from - 1), at - low as f64)
    };
    Plain::fill(x.n, x.c, h, w, |n, c, y, i| {
        if nearest {
            return x.at(n, c, y * x.h / h, i * x.w / w);
        }
        let ((y0, y1, fy), (x0, x1, fx)) = (tap(y, x.h, h), tap(i, x.w, w));
        let row = |y: usize| x.at(n, c, y, x0) * (1.0 - fx) + x.at(n, c, y, x1) * fx;
        row(y0) * (1.0 - fy) + row(y1) * fy
    })
}
