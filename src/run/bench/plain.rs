//! What a kernel of the suite must compute, as plain loops in f64, for single elements: enough to gate a timing, and
//! cheap at any size.

use super::kernels::{Case, HEAD, OVERLAP, PATH, WINDOW, Work};
use crate::base::Result;
use crate::checkpoint::StateDict;

/// A case with its input and weights, ready to be asked for elements.
pub struct Plain<'a> {
    case: &'a Case,
    /// Pixels of logical channels.
    x: &'a [f32],
    weights: Vec<Vec<f32>>,
}

impl<'a> Plain<'a> {
    pub fn new(case: &'a Case, x: &'a [f32], dict: &StateDict) -> Result<Plain<'a>> {
        let keys: &[&str] = match case.work {
            Work::Conv { .. } | Work::Depthwise { .. } => &["weight"],
            Work::LayerNorm { .. } => &["weight", "bias"],
            Work::Windows { .. } => &["rel_height", "rel_width"],
        };
        let weights = keys.iter().map(|k| dict.f32(&format!("{PATH}.{k}"))).collect::<Result<_>>()?;
        Ok(Plain { case, x, weights })
    }

    /// Channels of an output pixel.
    pub fn width(&self) -> usize {
        match self.case.work {
            Work::Conv { to, .. } => to as usize,
            Work::Depthwise { channels } | Work::LayerNorm { channels } => channels as usize,
            Work::Windows { heads } => (heads * HEAD) as usize,
        }
    }

    /// Output channel `c` of pixel `(px, py)`.
    pub fn at(&self, px: usize, py: usize, c: usize) -> f64 {
        match self.case.work {
            Work::Conv { kernel, from, .. } => {
                let (k, from) = (kernel as usize, from as usize);
                let tap = |i: usize, dy: usize, dx: usize| self.weights[0][((c * from + i) * k + dy) * k + dx];
                self.window(px, py, k, |dy, dx, pixel| {
                    (0..from).map(|i| f64::from(pixel[i]) * f64::from(tap(i, dy, dx))).sum()
                })
            }
            Work::Depthwise { .. } => self.window(px, py, 3, |dy, dx, pixel| {
                f64::from(pixel[c]) * f64::from(self.weights[0][c * 9 + dy * 3 + dx])
            }),
            Work::LayerNorm { .. } => {
                let pixel: Vec<f64> = self.pixel(px, py).iter().map(|v| f64::from(*v)).collect();
                let mean = pixel.iter().sum::<f64>() / pixel.len() as f64;
                let variance = pixel.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / pixel.len() as f64;
                let normed = (pixel[c] - mean) / (variance + 1e-5).sqrt();
                normed * f64::from(self.weights[0][c]) + f64::from(self.weights[1][c])
            }
            Work::Windows { heads } => self.attend(px, py, heads as usize, c),
        }
    }

    fn pixel(&self, x: usize, y: usize) -> &[f32] {
        let channels = self.case.channels().logical() as usize;
        &self.x[(y * self.case.width as usize + x) * channels..][..channels]
    }

    /// The pixel at a place that may lie outside the picture.
    fn inside(&self, x: i64, y: i64) -> Option<&[f32]> {
        let (w, h) = (i64::from(self.case.width), i64::from(self.case.height));
        ((0..w).contains(&x) && (0..h).contains(&y)).then(|| self.pixel(x as usize, y as usize))
    }

    /// Sums `term` over a zero-padded k x k window.
    fn window(&self, px: usize, py: usize, k: usize, term: impl Fn(usize, usize, &[f32]) -> f64) -> f64 {
        let half = (k / 2) as i64;
        let mut sum = 0.0;
        for dy in 0..k {
            for dx in 0..k {
                let (x, y) = (px as i64 + dx as i64 - half, py as i64 + dy as i64 - half);
                sum += self.inside(x, y).map_or(0.0, |pixel| term(dy, dx, pixel));
            }
        }
        sum
    }

    /// Softmax over the key window, keys outside the picture being zero, times the values.
    fn attend(&self, px: usize, py: usize, heads: usize, c: usize) -> f64 {
        let (window, overlap, d) = (WINDOW as usize, OVERLAP as usize, HEAD as usize);
        let (head, lane) = (c / d, c % d);
        let halo = ((OVERLAP - WINDOW) / 2) as i64;
        let (left, top) = (px / window * window, py / window * window);
        let q: Vec<f64> =
            self.pixel(px, py)[head * d..][..d].iter().map(|v| f64::from(*v) * (d as f64).powf(-0.5)).collect();
        let dot = |row: &[f32]| -> f64 { q.iter().zip(row).map(|(a, b)| a * f64::from(*b)).sum() };
        let table =
            |which: usize, key: usize, query: usize| &self.weights[which][(overlap - 1 + key - query) * d..][..d];
        let (mut sum, mut total) = (0.0, 0.0);
        for i in 0..overlap {
            for j in 0..overlap {
                let pixel = self.inside((left + j) as i64 - halo, (top + i) as i64 - halo);
                let part = |which: usize| pixel.map(|p| &p[(which * heads + head) * d..][..d]);
                let relative = dot(table(0, i, py - top)) + dot(table(1, j, px - left));
                // Logits of the suite's values are small: no maximum need be taken out.
                let weight = (relative + part(1).map_or(0.0, dot)).exp();
                total += weight;
                sum += weight * part(2).map_or(0.0, |v| f64::from(v[lane]));
            }
        }
        sum / total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_convolution_worked_out_by_hand() {
        let case = Case { name: "hand", width: 2, height: 1, work: Work::Conv { kernel: 1, from: 2, to: 1 } };
        let plain = Plain { case: &case, x: &[1.0, 2.0, 3.0, 4.0], weights: vec![vec![10.0, 1.0]] };
        assert_eq!((plain.at(0, 0, 0), plain.at(1, 0, 0)), (12.0, 34.0));
        let case = Case { name: "hand", width: 2, height: 1, work: Work::Depthwise { channels: 1 } };
        let weights = vec![(1..=9).map(|v| v as f32).collect()];
        let plain = Plain { case: &case, x: &[1.0, 2.0], weights };
        assert_eq!((plain.at(0, 0, 0), plain.at(1, 0, 0)), (5.0 + 2.0 * 6.0, 4.0 + 2.0 * 5.0));
    }

    #[test]
    fn attention_to_equal_values_returns_them() {
        let case = Case { name: "hand", width: 16, height: 16, work: Work::Windows { heads: 1 } };
        let x = vec![0.25; 16 * 16 * 48];
        let plain = Plain { case: &case, x: &x, weights: vec![vec![0.1; 23 * 16]; 2] };
        let corner = plain.at(0, 0, 3);
        // 44 of the 144 keys of a corner window lie outside; they are zero keys, and their values are zero.
        assert!(corner > 0.15 && corner < 0.25, "{corner}");
    }
}
