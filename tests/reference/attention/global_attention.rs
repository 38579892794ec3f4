//! Softmax attention of all queries over all keys of their image, scaled by 1 / sqrt(channels of a head).

use crate::reference::Plain;

/// Keys of one image serve all images if k has only one.
pub fn global_attention(q: &Plain, k: &Plain, v: &Plain, heads: usize, causal: bool) -> Plain {
    let d = q.c / heads;
    let (queries, keys) = (q.h * q.w, k.h * k.w);
    let mut out = Plain::zeros(q.n, q.c, q.h, q.w);
    for n in 0..q.n {
        let kn = if k.n == 1 { 0 } else { n };
        for head in 0..heads {
            for query in 0..queries {
                let seen = if causal { keys.min(query + 1) } else { keys };
                let logits: Vec<f64> = (0..seen)
                    .map(|key| {
                        let dot: f64 =
                            (0..d).map(|c| q.token(n, head * d + c, query) * k.token(kn, head * d + c, key)).sum();
                        dot / (d as f64).sqrt()
                    })
                    .collect();
                let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let weights: Vec<f64> = logits.iter().map(|l| (l - largest).exp()).collect();
                let sum: f64 = weights.iter().sum();
                for c in 0..d {
                    let value: f64 = (0..seen).map(|key| weights[key] * v.token(kn, head * d + c, key)).sum();
                    out.v[(n * q.c + head * d + c) * queries + query] = value / sum;
                }
            }
        }
    }
    out
}
