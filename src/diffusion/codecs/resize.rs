//! Between the size of the photograph and the sizes the network looks and draws at. Pixel centres lie at halves.

/// Nearest, for labels: a class between two classes would be a third.
pub fn nearest<T: Copy>(values: &[T], from: (usize, usize), to: (usize, usize)) -> Vec<T> {
    let ((width, height), (wide, high)) = (from, to);
    if values.len() != width * height || values.is_empty() {
        return Vec::new();
    }
    // floor((i + 1/2) * in / out), on integers.
    let source = |i: usize, size: usize, out: usize| ((2 * i + 1) * size / (2 * out)).min(size - 1);
    let columns: Vec<usize> = (0..wide).map(|x| source(x, width, wide)).collect();
    let row = |y: usize| &values[source(y, height, high) * width..][..width];
    (0..high).flat_map(|y| columns.iter().map(move |x| row(y)[*x])).collect()
}

/// Bilinear with clamped edges, for depth (one channel) and pictures (three, interleaved).
pub fn bilinear(values: &[f32], channels: usize, from: (usize, usize), to: (usize, usize)) -> Vec<f32> {
    separable(values, channels, from, to, false)
}

/// Bilinear, with a kernel as wide as an output pixel where the picture shrinks: what is finer than the result is
/// averaged and makes no false patterns. The way of a photograph to the size that the network looks at.
pub fn antialiased(values: &[f32], channels: usize, from: (usize, usize), to: (usize, usize)) -> Vec<f32> {
    separable(values, channels, from, to, true)
}

/// For every output index the first input index, and the weights from there on. The kernel is a triangle; what of it
/// lies outside is left out, which is the same as clamping while it is one pixel wide.
fn taps(size: usize, out: usize, widen: bool) -> Vec<(usize, Vec<f64>)> {
    let scale = size as f64 / out as f64;
    let reach = if widen { scale.max(1.0) } else { 1.0 };
    let tap = |i: usize| {
        let centre = (i as f64 + 0.5) * scale - 0.5;
        let first = (centre - reach).floor().max(0.0) as usize;
        let last = ((centre + reach).ceil() as usize).min(size - 1);
        let weight = |j: usize| (1.0 - (j as f64 - centre).abs() / reach).max(0.0);
        let weights: Vec<f64> = (first..=last).map(weight).collect();
        let sum: f64 = weights.iter().sum();
        // Weights of nothing are not multiplied.
        let skip = weights.iter().take_while(|w| **w == 0.0).count();
        let used = weights.len() - weights.iter().rev().take_while(|w| **w == 0.0).count();
        (first + skip, weights[skip..used].iter().map(|w| w / sum).collect())
    };
    (0..out).map(tap).collect()
}

/// Rows first, so that the work in between is as small as the smaller height and the new width.
fn separable(
    values: &[f32],
    channels: usize,
    (width, height): (usize, usize),
    (wide, high): (usize, usize),
    widen: bool,
) -> Vec<f32> {
    if values.len() != width * height * channels || values.is_empty() || wide == 0 || high == 0 {
        return Vec::new();
    }
    let columns = taps(width, wide, widen);
    let mut rows = Vec::with_capacity(wide * height * channels);
    for row in values.chunks_exact(width * channels) {
        for (first, weights) in &columns {
            for c in 0..channels {
                let at = |(i, w): (usize, &f64)| f64::from(row[(first + i) * channels + c]) * w;
                rows.push(weights.iter().enumerate().map(at).sum::<f64>());
            }
        }
    }
    let stride = wide * channels;
    let mut out = Vec::with_capacity(stride * high);
    let mut sum = vec![0.0; stride];
    for (first, weights) in taps(height, high, widen) {
        sum.fill(0.0);
        for (row, w) in rows[first * stride..].chunks_exact(stride).zip(&weights) {
            sum.iter_mut().zip(row).for_each(|(s, v)| *s += v * w);
        }
        out.extend(sum.iter().map(|s| *s as f32));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_repeated_and_never_mixed() {
        assert_eq!(nearest(&[1, 2, 3, 4], (2, 2), (4, 2)), [1, 1, 2, 2, 3, 3, 4, 4]);
        assert_eq!(nearest(&[1, 2, 3], (3, 1), (1, 1)), [2]);
        assert_eq!(nearest(&[1, 2, 3, 4, 5], (5, 1), (3, 1)), [1, 3, 5]);
        assert!(nearest::<i32>(&[], (0, 0), (3, 3)).is_empty());
    }

    #[test]
    fn ramps_stay_ramps_inside_and_flat_outside() {
        assert_eq!(bilinear(&[0.0, 4.0], 1, (2, 1), (4, 1)), [0.0, 1.0, 3.0, 4.0]);
        assert_eq!(bilinear(&[0.0, 8.0, 4.0, 12.0], 2, (2, 1), (1, 1)), [2.0, 10.0]);
        let same: Vec<f32> = (0..12).map(|v| v as f32).collect();
        assert_eq!(bilinear(&same, 3, (2, 2), (2, 2)), same);
        assert_eq!(bilinear(&[3.0; 6], 1, (2, 3), (5, 7)), [3.0; 35]);
    }

    #[test]
    fn shrinking_averages_and_growing_is_bilinear() {
        // Every second pixel white: halving sees one value of each and a half of its neighbours.
        let stripes: Vec<f32> = (0..16).map(|i| (i % 2) as f32).collect();
        let half = antialiased(&stripes, 1, (16, 1), (8, 1));
        assert!(half[1..7].iter().all(|v| (v - 0.5).abs() < 1e-6), "{half:?}");
        assert_eq!(bilinear(&stripes, 1, (16, 1), (8, 1)), [0.5; 8]);
        assert_eq!(bilinear(&stripes, 1, (16, 1), (4, 1)), [0.5; 4]);
        // A single white pixel keeps its share of the light wherever it lies.
        for i in 0..40 {
            let mut point = vec![0.0; 40];
            point[i] = 1.0;
            let light = antialiased(&point, 1, (40, 1), (10, 1)).iter().sum::<f32>() * 4.0;
            assert!((6..34).contains(&i).then_some(light).is_none_or(|l| (l - 1.0).abs() < 1e-5), "{i}: {light}");
        }
        let values: Vec<f32> = (0..30).map(|v| (v * 7 % 11) as f32).collect();
        assert_eq!(antialiased(&values, 1, (5, 6), (5, 6)), values);
        assert_eq!(antialiased(&values, 1, (5, 6), (9, 13)), bilinear(&values, 1, (5, 6), (9, 13)));
        assert!(bilinear(&values, 1, (5, 6), (0, 3)).is_empty());
    }
}
