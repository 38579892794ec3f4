//! LayerNorm over channels; without `centre` it divides by the deviation about the mean but subtracts nothing.

use crate::reference::Plain;

pub fn layer_norm(x: &Plain, weight: Option<&[f64]>, bias: Option<&[f64]>, eps: f64, centre: bool) -> Plain {
    Plain::fill(x.n, x.c, x.h, x.w, |n, c, y, i| {
        let values: Vec<f64> = (0..x.c).map(|c| x.at(n, c, y, i)).collect();
        let mean = values.iter().sum::<f64>() / x.c as f64;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / x.c as f64;
        let v = if centre { values[c] - mean } else { values[c] };
        v / (variance + eps).sqrt() * weight.map_or(1.0, |w| w[c]) + bias.map_or(0.0, |b| b[c])
    })
}
