//! How far two pictures are apart: the measures restoration papers report.

/// Signal to noise in dB for values in 0..1. Equal pictures give infinity; pictures of unequal length or with values
/// that are no numbers give NaN.
pub fn psnr(a: &[f32], b: &[f32]) -> f64 {
    from_mse(a, b, f64::from)
}

/// As [`psnr`], after rounding both to 8 bits: what a comparison of the written files would say.
pub fn psnr8(a: &[f32], b: &[f32]) -> f64 {
    from_mse(a, b, |v| if v.is_nan() { f64::NAN } else { f64::from(quantise8(v)) / 255.0 })
}

/// Nearest 8-bit value; NaN becomes 0.
pub fn quantise8(v: f32) -> u8 {
    (v.clamp(0.0, 1.0) * 255.0 + 0.5) as u8
}

fn from_mse(a: &[f32], b: &[f32], value: impl Fn(f32) -> f64) -> f64 {
    if a.len() != b.len() || a.is_empty() {
        return f64::NAN;
    }
    let sum: f64 = a.iter().zip(b).map(|(a, b)| (value(*a) - value(*b)).powi(2)).sum();
    -10.0 * (sum / a.len() as f64).log10()
}

/// Structural similarity of interleaved pictures with values in 0..1: Gaussian window of 11x11, sigma 1.5,
/// K1 = 0.01, K2 = 0.03, the mean over all channels and all places where the window lies inside the picture.
/// A picture shorter than the window is measured with the window cut at its borders. NaN if the lengths do not match.
pub fn ssim(a: &[f32], b: &[f32], width: usize, height: usize, channels: usize) -> f64 {
    let expected = width * height * channels;
    if expected == 0 || a.len() != expected || b.len() != expected {
        return f64::NAN;
    }
    let mean = |c| {
        let plane = |v: &[f32]| v.iter().skip(c).step_by(channels).map(|v| f64::from(*v)).collect::<Vec<f64>>();
        ssim_plane(&plane(a), &plane(b), width, height)
    };
    (0..channels).map(mean).sum::<f64>() / channels as f64
}

const RADIUS: usize = 5;

fn ssim_plane(a: &[f64], b: &[f64], width: usize, height: usize) -> f64 {
    let (c1, c2) = (0.01_f64.powi(2), 0.03_f64.powi(2));
    let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).collect::<Vec<f64>>();
    let blurred = |v: Vec<f64>| blur(&v, width, height);
    let (ma, mb) = (blurred(a.to_vec()), blurred(b.to_vec()));
    let (aa, bb, ab) = (blurred(product(a, a)), blurred(product(b, b)), blurred(product(a, b)));
    let one = |i: usize| {
        let (va, vb, cov) = (aa[i] - ma[i] * ma[i], bb[i] - mb[i] * mb[i], ab[i] - ma[i] * mb[i]);
        (2.0 * ma[i] * mb[i] + c1) * (2.0 * cov + c2) / ((ma[i].powi(2) + mb[i].powi(2) + c1) * (va + vb + c2))
    };
    ma.iter().enumerate().map(|(i, _)| one(i)).sum::<f64>() / ma.len() as f64
}

/// Separable Gaussian over the places [`places`] names: along the rows, then down the columns.
fn blur(plane: &[f64], width: usize, height: usize) -> Vec<f64> {
    let across: Vec<_> = places(width).map(|x| taps(x, width)).collect();
    let mut rows = Vec::with_capacity(across.len() * height);
    for row in plane.chunks_exact(width) {
        let at =
            |(start, weights): &(usize, Vec<f64>)| row[*start..].iter().zip(weights).map(|(v, w)| v * w).sum::<f64>();
        rows.extend(across.iter().map(at));
    }
    let columns = across.len();
    let mut out = Vec::with_capacity(columns * places(height).len());
    let mut line = vec![0.0; columns];
    for y in places(height) {
        let (start, weights) = taps(y, height);
        line.fill(0.0);
        for (row, w) in rows[start * columns..].chunks_exact(columns).zip(weights) {
            line.iter_mut().zip(row).for_each(|(l, v)| *l += w * v);
        }
        out.extend_from_slice(&line);
    }
    out
}

/// Where the window around `at` begins, and its weights inside an axis of `size`, which sum to 1.
fn taps(at: usize, size: usize) -> (usize, Vec<f64>) {
    let range = at.saturating_sub(RADIUS)..size.min(at + RADIUS + 1);
    let weight = |i: usize| (-(i.abs_diff(at) as f64).powi(2) / (2.0 * 1.5 * 1.5)).exp();
    let total: f64 = range.clone().map(weight).sum();
    (range.start, range.map(|i| weight(i) / total).collect())
}

/// Window centres along an axis: those with the whole window inside, or all when there are none.
fn places(size: usize) -> std::ops::Range<usize> {
    if size > 2 * RADIUS { RADIUS..size - RADIUS } else { 0..size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn psnr_of_a_known_error() {
        assert!((psnr(&[0.5; 10], &[0.6; 10]) - 20.0).abs() < 1e-5);
        assert_eq!(psnr(&[0.5; 4], &[0.5; 4]), f64::INFINITY);
        assert!(psnr(&[0.5; 4], &[0.5; 3]).is_nan() && psnr(&[f32::NAN], &[0.0]).is_nan());
        assert!(psnr8(&[f32::NAN], &[0.0]).is_nan());
    }

    #[test]
    fn psnr8_sees_only_what_a_file_would_hold() {
        assert_eq!(psnr8(&[0.5001, 1.3, -0.2], &[0.5002, 1.0, 0.0]), f64::INFINITY);
        let one_level = psnr8(&[100.0 / 255.0], &[101.0 / 255.0]);
        assert!((one_level - 20.0 * 255.0_f64.log10()).abs() < 1e-9);
    }

    #[test]
    fn rounding_is_to_nearest() {
        assert_eq!([0.0, 0.4 / 255.0, 0.6 / 255.0, 1.0, 7.0, -1.0].map(quantise8), [0, 0, 1, 255, 255, 0]);
        assert!((0..=255_u8).all(|v| quantise8(f32::from(v) / 255.0) == v));
        assert_eq!(quantise8(f32::NAN), 0);
    }

    /// The pattern and the expected value come from an independent NumPy computation of the published formula.
    #[test]
    fn ssim_matches_the_reference() {
        let (w, h) = (24, 17);
        let a: Vec<f32> = (0..w * h).map(|i| ((i * 7919) % 256) as f32 / 255.0).collect();
        let b: Vec<f32> =
            a.iter().enumerate().map(|(i, v)| 0.8 * v + 0.2 * ((i * 104_729) % 256) as f32 / 255.0).collect();
        assert!((ssim(&a, &a, w, h, 1) - 1.0).abs() < 1e-12);
        let value = ssim(&a, &b, w, h, 1);
        assert!((value - SSIM_REFERENCE).abs() < 1e-6, "{value}");
        let twice: Vec<f32> = a.iter().flat_map(|v| [*v, *v]).collect();
        let other: Vec<f32> = a.iter().zip(&b).flat_map(|(a, b)| [*a, *b]).collect();
        assert!((ssim(&twice, &other, w, h, 2) - (1.0 + SSIM_REFERENCE) / 2.0).abs() < 1e-6);
    }

    const SSIM_REFERENCE: f64 = 0.950_864_639_290_395;

    #[test]
    fn ssim_of_tiny_pictures_is_defined() {
        assert!((ssim(&[0.3; 3], &[0.3; 3], 1, 1, 3) - 1.0).abs() < 1e-12);
        assert!(ssim(&[0.0; 25], &[1.0; 25], 5, 5, 1) < 0.01);
        assert!(ssim(&[], &[], 0, 0, 3).is_nan());
    }
}
