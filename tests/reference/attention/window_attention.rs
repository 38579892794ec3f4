//! Overlapping window attention: ws x ws queries, ows x ows keys around them; keys outside the image are zero vectors
//! that count in the softmax; relative terms from two tables `[2 ows - 1, d]`.

use crate::reference::Plain;

pub struct Tables<'a> {
    pub height: &'a [f64],
    pub width: &'a [f64],
}

/// `qkv` holds q of all heads, then k, then v.
pub fn window_attention(qkv: &Plain, heads: usize, ws: usize, ows: usize, tables: &Tables<'_>) -> Plain {
    let inner = qkv.c / 3;
    let d = inner / heads;
    let pad = ((ows - ws) / 2) as isize;
    let (q, k, v) = (qkv.channels(0, inner), qkv.channels(inner, inner), qkv.channels(2 * inner, inner));
    let scale = 1.0 / (d as f64).sqrt();
    let mut out = Plain::zeros(qkv.n, inner, qkv.h, qkv.w);
    for n in 0..qkv.n {
        for head in 0..heads {
            for y in 0..qkv.h {
                for x in 0..qkv.w {
                    let query: Vec<f64> = (0..d).map(|c| q.at(n, head * d + c, y, x) * scale).collect();
                    let dot = |f: &dyn Fn(usize) -> f64| (0..d).map(|c| query[c] * f(c)).sum::<f64>();
                    let mut logits = Vec::new();
                    let mut places = Vec::new();
                    for i in 0..ows {
                        for j in 0..ows {
                            let ky = (y / ws * ws + i) as isize - pad;
                            let kx = (x / ws * ws + j) as isize - pad;
                            let row = ows - 1 + i - y % ws;
                            let column = ows - 1 + j - x % ws;
                            logits.push(
                                dot(&|c| k.padded(n, head * d + c, ky, kx))
                                    + dot(&|c| tables.height[row * d + c])
                                    + dot(&|c| tables.width[column * d + c]),
                            );
                            places.push((ky, kx));
                        }
                    }
                    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    let weights: Vec<f64> = logits.iter().map(|l| (l - largest).exp()).collect();
                    let sum: f64 = weights.iter().sum();
                    for c in 0..d {
                        let value: f64 =
                            weights.iter().zip(&places).map(|(w, p)| w * v.padded(n, head * d + c, p.0, p.1)).sum();
                        out.v[((n * inner + head * d + c) * qkv.h + y) * qkv.w + x] = value / sum;
                    }
                }
            }
        }
    }
    out
}
