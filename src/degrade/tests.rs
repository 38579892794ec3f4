use super::*;
use crate::image::compare::{psnr8, quantise8};

/// Smooth colours with an edge, as a photograph has them.
fn clean() -> Picture {
    let (width, height) = (96, 80);
    let rgb = (0..width * height).flat_map(|i| {
        let (x, y) = ((i % width) as f32, (i / width) as f32);
        let step = if x + y > 90.0 { 0.25 } else { 0.0 };
        [0.2 + 0.003 * x + step, 0.3 + 0.002 * y + step, 0.5 - 0.002 * x + step]
    });
    Picture::from_rgb(width, height, rgb.map(|v| f32::from(quantise8(v)) / 255.0).collect())
}

fn one(text: &str) -> Degradation {
    Degradation::parse(text).expect("a degradation")[0]
}

#[test]
fn noise_and_defects_have_the_asked_size() {
    let clean = clean();
    let noisy = one("noise=25").apply(&clean, 0, "a").expect("noise");
    let psnr = psnr8(&noisy.rgb, &clean.rgb);
    assert!((psnr - 20.17).abs() < 0.2, "sigma 25 is 20.17 dB, got {psnr}");
    let hit = one("saltpepper=10").apply(&clean, 0, "a").expect("defects");
    let pixels = hit.rgb.chunks(3).filter(|p| p == &[0.0; 3] || p == &[1.0; 3]).count();
    assert!((pixels as f32 / clean.pixels() as f32 - 0.1).abs() < 0.02, "{pixels}");
}

#[test]
fn every_kind_damages_reproducibly_and_differs_by_seed_and_name() {
    let clean = clean();
    for kind in KINDS {
        let make = |seed, name| {
            let made = Degradation { kind, level: None }.apply(&clean, seed, name).expect(kind.name);
            assert_eq!((made.width, made.height, made.rgb.len()), (96, 80, clean.rgb.len()), "{}", kind.name);
            assert!(made.rgb.iter().all(|v| (v * 255.0).fract() == 0.0 && (0.0..=1.0).contains(v)), "{}", kind.name);
            made.rgb
        };
        let first = make(1, "a");
        assert_eq!(first, make(1, "a"), "{}", kind.name);
        assert!(psnr8(&first, &clean.rgb) < 60.0, "{} changes nothing", kind.name);
        if kind.levels.0 < kind.levels.1 {
            assert!(first != make(2, "a") && first != make(1, "b"), "{}", kind.name);
        }
    }
}

#[test]
fn more_is_worse() {
    let clean = clean();
    for (light, heavy) in [
        ("noise=10", "noise=40"),
        ("blur=0.8", "blur=2.4"),
        ("motion=4", "motion=15"),
        ("jpeg=60", "jpeg=5"),
        ("haze=20", "haze=90"),
        ("fog=20", "fog=100"),
        ("lowlight=60", "lowlight=20"),
        ("scratches=2", "scratches=60"),
        ("rain=5", "rain=100"),
        ("streaks=5", "streaks=100"),
        ("snow=5", "snow=100"),
    ] {
        let psnr = |text: &str| psnr8(&one(text).apply(&clean, 3, "x").expect("made").rgb, &clean.rgb);
        assert!(psnr(light) > psnr(heavy), "{light} {} {heavy} {}", psnr(light), psnr(heavy));
    }
}

#[test]
fn a_blur_keeps_flat_colour_and_its_sum() {
    let flat = Picture::from_rgb(40, 30, vec![100.0 / 255.0; 40 * 30 * 3]);
    for text in ["blur=2", "motion=11"] {
        assert_eq!(one(text).apply(&flat, 0, "a").expect("made").rgb, flat.rgb, "{text}");
    }
}

#[test]
fn one_pixel_is_enough() {
    let dot = Picture::from_rgb(1, 1, vec![0.5; 3]);
    for kind in KINDS {
        let made = Degradation { kind, level: None }.apply(&dot, 0, "a").expect(kind.name);
        assert_eq!(made.rgb.len(), 3, "{}", kind.name);
    }
}

#[test]
fn lists_are_read_and_mistakes_named() {
    let labels: Vec<String> =
        Degradation::parse("noise=25, jpeg=20,rain,blur=motion").expect("a list").iter().map(|d| d.label()).collect();
    assert_eq!(labels, ["noise=25", "jpeg=20", "rain", "motion"]);
    for (text, says) in [("nois", "saltpepper"), ("noise=loud", "standard deviation"), ("noise=-3", "positive")] {
        let e = Degradation::parse(text).expect_err(text).to_string();
        assert!(e.contains(says), "{e}");
    }
}
