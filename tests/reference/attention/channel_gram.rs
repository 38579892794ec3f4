//! Products of every q channel with every k channel of its head over all pixels, and the squared norms of both.

use crate::reference::Plain;

/// `[n, heads, c + 2, c]`: c rows of products, then the squares of q, then those of k.
pub fn channel_gram(q: &Plain, k: &Plain, heads: usize) -> Plain {
    let c = q.c / heads;
    let pixels = q.h * q.w;
    Plain::fill(q.n, heads, c + 2, c, |n, head, i, j| {
        let (a, b) = match i {
            _ if i < c => ((q, i), (k, j)),
            _ if i == c => ((q, j), (q, j)),
            _ => ((k, j), (k, j)),
        };
        (0..pixels).map(|p| a.0.token(n, head * c + a.1, p) * b.0.token(n, head * c + b.1, p)).sum()
    })
}
