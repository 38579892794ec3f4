//! Restoration: the picture is the answer. Also the way of every task between -1..1 and 0..255.

/// Channel planes of -1..1, as the sampler returns them, to interleaved 0..255 that other codecs decode. Not rounded.
pub fn from_planes(x0: &[f64]) -> Vec<f32> {
    let pixels = x0.len() / 3;
    let value = |v: f64| ((v + 1.0) * 127.5).clamp(0.0, 255.0) as f32;
    (0..pixels).flat_map(|p| [0, 1, 2].map(|c| value(x0[c * pixels + p]))).collect()
}

/// The reverse, from a drawn picture.
pub fn to_planes(rgb: &[u8]) -> Vec<f64> {
    let pixels = rgb.len() / 3;
    (0..3).flat_map(|c| (0..pixels).map(move |p| f64::from(rgb[3 * p + c]) / 127.5 - 1.0)).collect()
}

/// Rounded to the nearest byte, halves up.
pub fn to_bytes(rgb255: &[f32]) -> Vec<u8> {
    rgb255.iter().map(|v| (v.clamp(0.0, 255.0) + 0.5).floor() as u8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_are_woven_and_clamped() {
        let x0 = [-1.0, 1.0, 0.0, 2.0, -7.0, 0.5];
        assert_eq!(from_planes(&x0), [0.0, 127.5, 0.0, 255.0, 255.0, 191.25]);
        assert_eq!(to_bytes(&[-3.0, 0.49, 0.5, 127.5, 254.6, 300.0, f32::NAN]), [0, 0, 1, 128, 255, 255, 0]);
    }

    #[test]
    fn bytes_survive_the_way_there_and_back() {
        let rgb: Vec<u8> = (0..=254).collect();
        assert_eq!(to_bytes(&from_planes(&to_planes(&rgb))), rgb);
    }
}
