//! The weights of one image: `W + sum_r factor[r] B[., r] A[r, .]`.

/// `weight` is `[out, k]`, `a` `[ranks, k]`, `b` `[out, ranks]`, `factors` one value a rank.
pub fn merge(weight: &[f64], a: &[f64], b: &[f64], factors: &[f64]) -> Vec<f64> {
    let ranks = factors.len();
    let k = a.len() / ranks;
    let mut out = weight.to_vec();
    for (i, v) in out.iter_mut().enumerate() {
        let (row, column) = (i / k, i % k);
        *v += (0..ranks).map(|r| b[row * ranks + r] * factors[r] * a[r * k + column]).sum::<f64>();
    }
    out
}
