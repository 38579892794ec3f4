//! Attention maps from Gram matrices `[n, heads, c + 2, c]` (see channel_gram): L2 norms of at least 1e-12,
//! temperature, softmax over k.

use crate::reference::Plain;

pub fn channel_softmax(gram: &Plain, temperature: &[f64]) -> Plain {
    let c = gram.w;
    let mut out = Plain::zeros(gram.n, gram.c, c, c);
    for n in 0..gram.n {
        for head in 0..gram.c {
            for i in 0..c {
                let norm = |row: usize, at: usize| gram.at(n, head, row, at).sqrt().max(1e-12);
                let logits: Vec<f64> =
                    (0..c).map(|j| gram.at(n, head, i, j) / norm(c, i) / norm(c + 1, j) * temperature[head]).collect();
                let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = logits.iter().map(|l| (l - largest).exp()).sum();
                for j in 0..c {
                    out.v[((n * gram.c + head) * c + i) * c + j] = (logits[j] - largest).exp() / sum;
                }
            }
        }
    }
    out
}
