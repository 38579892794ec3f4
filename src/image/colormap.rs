//! Colours for numbers and for labels, made by formula in OKLCH, where equal steps look equal.

use std::sync::OnceLock;

/// From dark violet over teal to light yellow: lightness rises evenly, so the map reads the same in grey and to people
/// who see few hues.
pub fn ramp() -> &'static [[u8; 3]; 256] {
    static RAMP: OnceLock<[[u8; 3]; 256]> = OnceLock::new();
    RAMP.get_or_init(|| {
        std::array::from_fn(|i| {
            let t = i as f64 / 255.0;
            srgb(0.20 + 0.74 * t, 0.17, 305.0 - 200.0 * t)
        })
    })
}

/// Colour `i` of an endless list in which neighbours differ: hues by the golden angle, three lightnesses in turn.
pub fn distinct(i: u32) -> [u8; 3] {
    let hue = (f64::from(i) * 137.507_764).rem_euclid(360.0) + 25.0;
    srgb([0.72, 0.58, 0.82][i as usize % 3], 0.16, hue)
}

/// Lightness 0..1, chroma and hue in degrees to sRGB. A chroma that sRGB does not have at this lightness is lowered, so
/// that lightness and hue stay true.
fn srgb(lightness: f64, chroma: f64, hue: f64) -> [u8; 3] {
    let inside = |c: f64| linear(lightness, c, hue).iter().all(|v| (-1e-6..=1.0 + 1e-6).contains(v));
    let (mut low, mut high) = (0.0, chroma);
    if !inside(chroma) {
        for _ in 0..24 {
            let middle = (low + high) / 2.0;
            if inside(middle) { low = middle } else { high = middle }
        }
        high = low;
    }
    linear(lightness, high, hue).map(|v| {
        let v = v.clamp(0.0, 1.0);
        let encoded = if v <= 0.003_130_8 { 12.92 * v } else { 1.055 * libm::pow(v, 1.0 / 2.4) - 0.055 };
        (encoded * 255.0 + 0.5) as u8
    })
}

/// OKLCH to linear sRGB, with the matrices of OKLab's definition (Ottosson 2020).
fn linear(lightness: f64, chroma: f64, hue: f64) -> [f64; 3] {
    let angle = hue.to_radians();
    let (a, b) = (chroma * libm::cos(angle), chroma * libm::sin(angle));
    let cube = |by_a: f64, by_b: f64| (lightness + by_a * a + by_b * b).powi(3);
    let l = cube(0.396_337_777_4, 0.215_803_757_3);
    let m = cube(-0.105_561_345_8, -0.063_854_172_8);
    let s = cube(-0.089_484_177_5, -1.291_485_548_0);
    [
        4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s,
        -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s,
        -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701_0 * s,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// sRGB bytes to linear light.
    fn light(rgb: [u8; 3]) -> [f64; 3] {
        rgb.map(|v| {
            let v = f64::from(v) / 255.0;
            if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        })
    }

    fn luminance(rgb: [u8; 3]) -> f64 {
        let [r, g, b] = light(rgb);
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    #[test]
    fn the_ramp_grows_lighter_all_the_way() {
        let ramp = ramp();
        for pair in ramp.windows(4) {
            assert!(luminance(pair[3]) > luminance(pair[0]), "{pair:?}");
        }
        assert!(luminance(ramp[0]) < 0.03 && luminance(ramp[255]) > 0.75);
        // No jumps: the eye must not see an edge where the depth has none.
        for pair in ramp.windows(2) {
            let (a, b) = (light(pair[0]), light(pair[1]));
            assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 0.03), "{pair:?}");
        }
    }

    #[test]
    fn grey_is_grey() {
        assert_eq!(srgb(0.0, 0.0, 0.0), [0; 3]);
        assert_eq!(srgb(1.0, 0.0, 0.0), [255; 3]);
        let [r, g, b] = srgb(0.6, 0.0, 123.0);
        assert!(r == g && g == b);
        assert_eq!(srgb(0.627_955, 0.257_683, 29.234), [255, 0, 0], "the red of sRGB");
    }

    #[test]
    fn labels_near_in_number_are_far_in_colour() {
        for i in 0..200u32 {
            for j in i + 1..i + 4 {
                let apart: i32 =
                    distinct(i).iter().zip(distinct(j)).map(|(a, b)| (i32::from(*a) - i32::from(b)).abs()).sum();
                assert!(apart > 50, "{i} {j} {apart}");
            }
        }
    }
}
