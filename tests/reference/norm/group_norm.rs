//! `activation((x - mean) / deviation * weight + bias)` with the statistics of each group of channels.

use crate::reference::Plain;

/// `stats` is `[n, 2.., 1, groups]`: mean, 1 / deviation.
pub fn group_norm(x: &Plain, stats: &Plain, weight: &[f64], bias: &[f64]) -> Plain {
    let per = x.c / stats.w;
    Plain::fill(x.n, x.c, x.h, x.w, |n, c, y, i| {
        let (mean, scale) = (stats.at(n, 0, 0, c / per), stats.at(n, 1, 0, c / per));
        (x.at(n, c, y, i) - mean) * scale * weight[c] + bias[c]
    })
}

/// The whole norm from its definition.
pub fn whole_group_norm(x: &Plain, groups: usize, eps: f64, weight: &[f64], bias: &[f64]) -> Plain {
    let per = x.c / groups;
    let moments: Vec<(f64, f64)> = (0..x.n * groups)
        .map(|at| {
            let (n, g) = (at / groups, at % groups);
            let values: Vec<f64> =
                (g * per..(g + 1) * per).flat_map(|c| (0..x.h * x.w).map(move |p| x.token(n, c, p))).collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
            (mean, 1.0 / (variance + eps).sqrt())
        })
        .collect();
    Plain::fill(x.n, x.c, x.h, x.w, |n, c, y, i| {
        let (mean, scale) = moments[n * groups + c / per];
        (x.at(n, c, y, i) - mean) * scale * weight[c] + bias[c]
    })
}
