//! Cosine similarity of each query to every key over a clamped temperature, softmax over the largest `keep`, 0 elsewhere.
//! Queries `[n, dim, 1, 1]`, keys row by row.

use crate::reference::Plain;

pub fn prompt_select(query: &Plain, keys: &[f64], temperature: f64, keep: usize) -> Plain {
    let count = keys.len() / query.c;
    let mut out = Plain::zeros(query.n, count, 1, 1);
    for n in 0..query.n {
        let q: Vec<f64> = (0..query.c).map(|c| query.at(n, c, 0, 0)).collect();
        let length = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt().max(1e-12);
        let similarity: Vec<f64> = keys
            .chunks(query.c)
            .map(|k| {
                let product: f64 = q.iter().zip(k).map(|(a, b)| a * b).sum();
                product / length(&q) / length(k) / temperature.clamp(0.1, 2.0)
            })
            .collect();
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by(|a, b| similarity[*b].total_cmp(&similarity[*a]));
        let sum: f64 = order[..keep].iter().map(|i| similarity[*i].exp()).sum();
        for i in &order[..keep] {
            out.v[n * count + i] = similarity[*i].exp() / sum;
        }
    }
    out
}
