//! Four softmaxes of the same logits, each over the largest k alone, added with one weight each. Logits from Gram
//! matrices `[n, heads, c + 2, c]` as in channel_softmax.

use crate::reference::Plain;

pub fn channel_topm(gram: &Plain, temperature: &[f64], blend: [f64; 4]) -> Plain {
    let c = gram.w;
    let kept = [c / 2, c * 2 / 3, c * 3 / 4, c * 4 / 5];
    let mut out = Plain::zeros(gram.n, gram.c, c, c);
    for n in 0..gram.n {
        for head in 0..gram.c {
            for i in 0..c {
                let norm = |row: usize, at: usize| gram.at(n, head, row, at).sqrt().max(1e-12);
                let logits: Vec<f64> =
                    (0..c).map(|j| gram.at(n, head, i, j) / norm(c, i) / norm(c + 1, j) * temperature[head]).collect();
                let mut order: Vec<usize> = (0..c).collect();
                order.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]));
                for (k, weight) in kept.iter().zip(blend) {
                    let chosen = &order[..*k];
                    let sum: f64 = chosen.iter().map(|j| logits[*j].exp()).sum();
                    for j in chosen {
                        out.v[((n * gram.c + head) * c + i) * c + j] += weight * logits[*j].exp() / sum;
                    }
                }
            }
        }
    }
    out
}
