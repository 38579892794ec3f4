//! Scaling of interleaved pictures the way OpenCV does it, for programs that were published with it. Pixel centres lie
//! at halves, the edge is repeated, sums are f64.

/// For each output sample the input samples it is made of, with their weights.
type Taps = Vec<Vec<(usize, f64)>>;

/// Bicubic with a = -0.75 and no antialias (`INTER_CUBIC`).
pub fn cubic(values: &[f32], channels: usize, from: (usize, usize), to: (usize, usize)) -> Vec<f32> {
    separable(values, channels, from, to, cubic_taps)
}

/// The mean over the area that an output pixel covers (`INTER_AREA`); for sizes that do not grow.
pub fn area(values: &[f32], channels: usize, from: (usize, usize), to: (usize, usize)) -> Vec<f32> {
    separable(values, channels, from, to, area_taps)
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
    for tap in taps(height, high) {
        out.extend((0..stride).map(|i| tap.iter().map(|(p, w)| w * rows[p * stride + i]).sum::<f64>() as f32));
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
            &impulse[2..12],
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
        let ramp: Vec<f32> = (0..8).map(|v| v as f32).collect();
        near(&cubic(&ramp, 1, (8, 1), (16, 1))[4..12], &[1.75, 2.25, 2.75, 3.25, 3.75, 4.25, 4.75, 5.25]);
    }

    #[test]
    fn flat_pictures_stay_flat_and_equal_sizes_stay_equal() {
        for scale in [cubic, area] {
            near(&scale(&[0.5; 7 * 5 * 3], 3, (7, 5), (4, 5)), &[0.5; 4 * 5 * 3]);
            let same: Vec<f32> = (0..24).map(|v| v as f32).collect();
            near(&scale(&same, 3, (4, 2), (4, 2)), &same);
        }
    }
}
