//! From the size the network draws at to the size of the photograph. Pixel centres lie at halves.

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
    let ((width, height), (wide, high)) = (from, to);
    if values.len() != width * height * channels || values.is_empty() {
        return Vec::new();
    }
    let taps = |out: usize, size: usize| -> Vec<(usize, usize, f64)> {
        let tap = |i: usize| {
            let at = ((i as f64 + 0.5) * size as f64 / out as f64 - 0.5).max(0.0);
            let low = (at as usize).min(size - 1);
            (low, (low + 1).min(size - 1), at - low as f64)
        };
        (0..out).map(tap).collect()
    };
    let columns = taps(wide, width);
    let mut out = Vec::with_capacity(wide * high * channels);
    for (top, bottom, down) in taps(high, height) {
        for (left, right, across) in &columns {
            for c in 0..channels {
                let at = |y: usize, x: usize| f64::from(values[(y * width + x) * channels + c]);
                let upper = at(top, *left) * (1.0 - across) + at(top, *right) * across;
                let lower = at(bottom, *left) * (1.0 - across) + at(bottom, *right) * across;
                out.push((upper * (1.0 - down) + lower * down) as f32);
            }
        }
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
}
