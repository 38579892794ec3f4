//! factor * sum over k of w[k] * row k of a table; weights `[n, rows, 1, 1]`.

use crate::reference::Plain;

pub fn weighted_rows(w: &Plain, table: &[f64], factor: f64) -> Plain {
    let width = table.len() / w.c;
    Plain::fill(w.n, width, 1, 1, |n, c, _, _| {
        factor * (0..w.c).map(|k| w.at(n, k, 0, 0) * table[k * width + c]).sum::<f64>()
    })
}
