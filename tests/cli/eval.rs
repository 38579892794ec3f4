//! `vernis eval`: figures of damage made here and of pictures given in pairs.

use crate::run::{Scratch, list, vernis};

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("JSON on stdout")
}

/// A directory with smooth clean pictures.
fn clean(s: &Scratch, directory: &str) -> String {
    std::fs::create_dir(s.path(directory)).expect("writable");
    for (name, step) in [("a.png", 2u32), ("b.png", 3)] {
        let smooth =
            image::RgbImage::from_fn(40, 24, |x, y| image::Rgb([(x * step) as u8 + 60, (y * 4) as u8 + 50, 120]));
        smooth.save(s.path(directory).join(name)).expect("writable");
    }
    s.text(directory)
}

#[test]
fn noise_is_measured_and_removed() {
    let s = Scratch::new();
    let photos = clean(&s, "photos");
    let saved = s.text("saved");
    let outcome = vernis(&["eval", "--clean", &photos, "--degrade", "noise=25", "--json", "--save", &saved]);
    outcome.succeeds();
    let row = &json(&outcome.out)["noise=25"];
    assert_eq!((row["images"].as_u64(), row["model"].as_str()), (Some(2), Some("nafnet-denoise")), "{row}");
    let (before, after) = (row["input_psnr"].as_f64().expect("dB"), row["psnr"].as_f64().expect("dB"));
    assert!((before - 20.2).abs() < 0.6 && after > before + 8.0, "{before} {after}");
    assert!(row["ssim"].as_f64() > row["input_ssim"].as_f64(), "{row}");
    assert_eq!(list(&s.path("saved").join("noise=25")), ["a_input.png", "a_output.png", "b_input.png", "b_output.png"]);
    // The same damage again as pairs of files, with nothing restored.
    std::fs::create_dir(s.path("noisy")).expect("writable");
    for name in ["a", "b"] {
        let from = s.path("saved").join("noise=25").join(format!("{name}_input.png"));
        std::fs::copy(from, s.path("noisy").join(format!("{name}.png"))).expect("copied");
    }
    let pairs = vernis(&["eval", "--pairs", &s.text("noisy"), &photos, "--json"]);
    pairs.succeeds();
    let again = &json(&pairs.out)["noisy"];
    assert_eq!(again["input_psnr"], row["input_psnr"], "{again}");
    assert!(again["psnr"].is_null(), "{again}");
    let table = vernis(&["eval", "--pairs", &s.text("noisy"), &photos]);
    table.succeeds();
    assert!(table.out.contains("input dB") && table.out.contains(&format!("{before:.2}")), "{}", table.out);
}

#[test]
fn a_name_is_a_closer_pair_than_a_stem() {
    let s = Scratch::new();
    let (inputs, targets) = (clean(&s, "inputs"), clean(&s, "targets"));
    // It stands before a.png, and its stem fits the same target.
    std::fs::copy(s.path("inputs/a.png"), s.path("inputs/a.jpg")).expect("copied");
    vernis(&["eval", "--pairs", &inputs, &targets]).fails_with(8, &["a.jpg", "no target"]);
    std::fs::copy(s.path("targets/a.png"), s.path("targets/a.webp")).expect("copied");
    let saved = s.text("saved");
    vernis(&["eval", "--pairs", &inputs, &targets, "--save", &saved]).succeeds();
    assert_eq!(list(&s.path("saved/inputs")), ["a.jpg_input.png", "a.png_input.png", "b_input.png"]);
}

#[test]
fn folders_in_folders() {
    let s = Scratch::new();
    let (inputs, targets) = (clean(&s, "inputs"), clean(&s, "targets"));
    for side in ["inputs", "targets"] {
        std::fs::create_dir(s.path(side).join("more")).expect("writable");
        // Of the same name as one above it, and another picture.
        std::fs::copy(s.path(side).join("b.png"), s.path(side).join("more/a.png")).expect("copied");
    }
    // What another system keeps beside a picture.
    std::fs::write(s.path("inputs").join("._b.png"), b"fork").expect("writable");
    let saved = s.text("inputs/saved");
    let pairs = vernis(&["eval", "--pairs", &inputs, &targets, "--json", "--save", &saved]);
    pairs.succeeds();
    let report = &json(&pairs.out)["inputs"];
    let names: Vec<_> = report["files"].as_array().expect("files").iter().map(|f| f["file"].as_str()).collect();
    assert_eq!(names, [Some("a"), Some("b"), Some("more/a")]);
    assert_eq!(report["input_psnr"].as_f64(), Some(100.0), "{report}");
    assert_eq!(list(&s.path("inputs/saved/inputs/more")), ["a_input.png"]);
    // What an earlier run saved is no input of the next.
    let again = vernis(&["eval", "--clean", &inputs, "--degrade", "noise", "--json", "--save", &saved]);
    again.succeeds();
    let images = json(&again.out).as_object().expect("kinds").values().next().expect("one")["images"].as_u64();
    assert_eq!(images, Some(3), "{}", again.out);
}

#[test]
fn requests_that_make_no_sense() {
    let s = Scratch::new();
    let photos = clean(&s, "photos");
    vernis(&["eval"]).fails_with(2, &["--pairs"]);
    vernis(&["eval", "--clean", &photos]).fails_with(2, &["--degrade"]);
    vernis(&["eval", "--clean", &photos, "--degrade", "mud"]).fails_with(2, &["mud", "saltpepper"]);
    vernis(&["eval", "--clean", &photos, "--degrade", "blur=1e9"]).fails_with(2, &["1e9", "up to 9.6"]);
    vernis(&["eval", "--clean", &s.text("none"), "--degrade", "noise"]).fails_with(8, &["none"]);
    std::fs::create_dir(s.path("one")).expect("writable");
    std::fs::copy(s.path("photos").join("a.png"), s.path("one").join("a.png")).expect("copied");
    vernis(&["eval", "--pairs", &photos, &s.text("one")]).fails_with(8, &["b.png", "no target"]);
    vernis(&["eval", "--pairs", &photos, &photos, "--degrade", "noise"]).fails_with(2, &["--degrade", "--clean"]);
    vernis(&["eval", "--pairs", &s.text("one"), &photos]).fails_with(8, &["b.png", "no input"]);
    image::RgbImage::new(8, 8).save(s.path("one").join("a.png")).expect("writable");
    std::fs::remove_file(s.path("photos").join("b.png")).expect("there");
    vernis(&["eval", "--pairs", &s.text("one"), &photos]).fails_with(8, &["differ in size"]);
}
