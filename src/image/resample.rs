//! Scaling of interleaved pictures and maps: bilinear for our own work, and the way OpenCV does it for programs that were
//! published with it. Pixel centres lie at halves, sums are f64.

/// For each output sample the input samples it is made of, with their weights.
type Taps = Vec<Vec<(usize, f64)>>;

/// Nearest, for labels: a class between two classes would be a third.
pub fn nearest<T: Copy>(values: &[T], (width, height): (usize, usize), (wide, high): (usize, usize)) -> Vec<T> {
    assert_eq!(values.len(), width * height, "the values do not match {width}x{height}");
    // floor((i + 1/2) * in / out), on integers.
    let source = |i: usize, size: usize, out: usize| ((2 * i + 1) * size / (2 * out)).min(size - 1);
    let columns: Vec<usize> = (0..wide).map(|x| source(x, width, wide)).collect();
    let row = |y: usize| &values[source(y, height, high) * width..][..width];
    (0..high).flat_map(|y| columns.iter().map(move |x| row(y)[*x])).collect()
}

/// Bilinear between the two nearest samples of each axis, edges repeated, no antialias.
pub fn bilinear(values: &[f32], channels: usize, from: (usize, usize), to: (usize, usize)) -> Vec<f32> {
    separable(values, channels, from, to, |size, out| triangle_taps(size, out, 1.0))
}

/// Bilinear with a kernel as wide as an output pixel where the picture shrinks: what is finer than the result is
/// averaged and makes no false patterns.
pub fn antialiased(values: &[f32], channels: usize, from: (usize, usize), to: (usize, usize)) -> Vec<f32> {
    separable(values, channels, from, to, |size, out| triangle_taps(size, out, (size as f64 / out as f64).max(1.0)))
}

/// Bicubic with a = -0.75, edges repeated, no antialias (`INTER_CUBIC`).
pub fn cubic(values: &[f32], channels: usize, from: (usize, usize), to: (usize, usize)) -> Vec<f32> {
    separable(values, channels, from, to, cubic_taps)
}

/// The mean over the area that an output pixel covers (`INTER_AREA`); for sizes that do not grow.
pub fn area(values: &[f32], channels: usize, from: (usize, usize), to: (usize, usize)) -> Vec<f32> {
    separable(values, channels, from, to, area_taps)
}

/// A triangle that reaches so many samples to each side. What of it lies outside is left out, which is the same as
/// repeating the edge while it reaches one.
fn triangle_taps(size: usize, out: usize, reach: f64) -> Taps {
    let tap = |i: usize| {
        let centre = (i as f64 + 0.5) * size as f64 / out as f64 - 0.5;
        let (first, last) = ((centre - reach).floor().max(0.0) as usize, (centre + reach).ceil() as usize);
        let weight = |p: usize| 1.0 - (p as f64 - centre).abs() / reach;
        let inside: Vec<(usize, f64)> =
            (first..=last.min(size - 1)).map(|p| (p, weight(p))).filter(|t| t.1 > 0.0).collect();
        let sum: f64 = inside.iter().map(|t| t.1).sum();
        inside.into_iter().map(|(p, w)| (p, w / sum)).collect()
    };
    (0..out).map(tap).collect()
}

fn cubic_taps(size: usize, out: usize) -> Taps {
    const A: f64 = -0.75;
    let weight = |x: f64| match x.abs() {
        x if x <= 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
        x if x < 2.0 => A * (((x - 5.0) * x + 8.0) * x - 4.0),
        _ => 0.0,
    };
    let tap = |i: usize| {
        let at = (i as f64 + 0.5) * size as f64 / out as f64 - 0.5;
        let first = at.floor() as i64 - 1;
        let clamped = |p: i64| p.clamp(0, size as i64 - 1) as usize;
        (first..first + 4).map(|p| (clamped(p), weight(at - p as f64))).collect()
    };
    (0..out).map(tap).collect()
}

fn area_taps(size: usize, out: usize) -> Taps {
    let step = size as f64 / out as f64;
    let tap = |i: usize| {
        let (start, end) = (i as f64 * step, ((i + 1) as f64 * step).min(size as f64));
        let covered = |p: usize| (end.min((p + 1) as f64) - start.max(p as f64)) / (end - start);
        (start as usize..(end.ceil() as usize).min(size)).map(|p| (p, covered(p))).filter(|t| t.1 > 1e-9).collect()
    };
    (0..out).map(tap).collect()
}

/// Along the rows first, then along the columns.
fn separable(
    values: &[f32],
    channels: usize,
    (width, height): (usize, usize),
    (wide, high): (usize, usize),
    taps: fn(usize, usize) -> Taps,
) -> Vec<f32> {
    assert_eq!(values.len(), width * height * channels, "the values do not match {width}x{height}");
    if values.is_empty() {
        return Vec::new();
    }
    let columns = taps(width, wide);
    let mut rows: Vec<f64> = Vec::with_capacity(height * wide * channels);
    for row in values.chunks_exact(width * channels) {
        for tap in &columns {
            rows.extend(
                (0..channels).map(|c| tap.iter().map(|(p, w)| w * f64::from(row[p * channels + c])).sum::<f64>()),
            );
        }
    }
    let stride = wide * channels;
    let mut out = Vec::with_capacity(high * stride);
    let mut sum = vec![0.0; stride];
    for tap in taps(height, high) {
        sum.fill(0.0);
        for (p, w) in tap {
            sum.iter_mut().zip(&rows[p * stride..]).for_each(|(s, v)| *s += w * v);
        }
        out.extend(sum.iter().map(|s| *s as f32));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: &[f32], b: &[f32]) {
        assert_eq!(a.len(), b.len());
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6), "{a:?} is not {b:?}");
    }

    #[test]
    fn an_area_is_a_weighted_mean() {
        near(&area(&[1.0, 3.0, 5.0, 7.0], 1, (4, 1), (2, 1)), &[2.0, 6.0]);
        // 3 -> 2: each output covers one and a half samples.
        near(&area(&[0.0, 3.0, 6.0], 1, (3, 1), (2, 1)), &[1.0, 5.0]);
        near(&area(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], 2, (2, 2), (1, 1)), &[4.0, 5.0]);
    }

    #[test]
    fn the_cubic_weights_are_those_of_the_kernel() {
        // Twice as wide: the samples lie at a quarter and three quarters.
        let impulse = cubic(&[0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0], 1, (7, 1), (14, 1));
        near(
            &impulse[3..13],
            &[
                -0.03515625,
                -0.10546875,
                0.26171875,
                0.87890625,
                0.87890625,
                0.26171875,
                -0.10546875,
                -0.03515625,
                0.0,
                0.0,
            ],
        );
        // Sharper than the kernel with a = -0.5, it keeps no ramp straight: 2.297 instead of 2.25.
        let ramp: Vec<f32> = (0..8).map(|v| v as f32).collect();
        near(&cubic(&ramp, 1, (8, 1), (16, 1))[4..8], &[1.703125, 2.296875, 2.703125, 3.296875]);
    }

    #[test]
    fn flat_pictures_stay_flat_and_equal_sizes_stay_equal() {
        for scale in [cubic, area, bilinear, antialiased] {
            near(&scale(&[0.5; 7 * 5 * 3], 3, (7, 5), (4, 5)), &[0.5; 4 * 5 * 3]);
            let same: Vec<f32> = (0..24).map(|v| v as f32).collect();
            near(&scale(&same, 3, (4, 2), (4, 2)), &same);
        }
    }

    #[test]
    fn labels_are_repeated_and_never_mixed() {
        assert_eq!(nearest(&[1, 2, 3, 4], (2, 2), (4, 2)), [1, 1, 2, 2, 3, 3, 4, 4]);
        assert_eq!(nearest(&[1, 2, 3], (3, 1), (1, 1)), [2]);
        assert_eq!(nearest(&[1, 2, 3, 4, 5], (5, 1), (3, 1)), [1, 3, 5]);
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
    }
}
