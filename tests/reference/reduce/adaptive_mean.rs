//! Adaptive average pool: bin i is the mean of input lines floor(i * in / out) up to ceil((i + 1) * in / out).

use crate::reference::Plain;

pub fn adaptive_mean(x: &Plain, h: usize, w: usize) -> Plain {
    let bin = |i: usize, from: usize, to: usize| (i * from / to)..((i + 1) * from).div_ceil(to);
    Plain::fill(x.n, x.c, h, w, |n, c, y, i| {
        let (rows, columns) = (bin(y, x.h, h), bin(i, x.w, w));
        let count = (rows.len() * columns.len()) as f64;
        let sum: f64 = rows.map(|r| columns.clone().map(|k| x.at(n, c, r, k)).sum::<f64>()).sum();
        sum / count
    })
}
