//! Restorations that work.

use crate::run::{Scratch, list, vernis};

fn open(path: &str) -> image::DynamicImage {
    image::open(path).expect("a readable picture")
}

#[test]
fn every_size_from_one_pixel_up() {
    let s = Scratch::new();
    for (w, h) in [(1, 1), (1, 37), (17, 3), (64, 48)] {
        let input = s.picture("in.png", w, h);
        let out = s.text(&format!("out-{w}x{h}.png"));
        vernis(&["restore", &input, "-o", &out, "--task", "denoise", "--quiet"]).succeeds();
        assert_eq!((open(&out).width(), open(&out).height()), (w, h));
    }
}

#[test]
fn formats_and_depths_survive() {
    let s = Scratch::new();
    let input = s.picture("in.png", 33, 21);
    for name in ["out.png", "out.jpg", "out.tiff", "out.webp"] {
        let out = s.text(name);
        vernis(&["restore", &input, "-o", &out, "--task", "denoise", "--quiet"]).succeeds();
        assert_eq!((open(&out).width(), open(&out).height()), (33, 21));
    }
    let deep = s.text("deep.png");
    open(&input).to_rgb16().save(&deep).expect("writable");
    let out = s.text("deep-out.png");
    vernis(&["restore", &deep, "-o", &out, "--task", "denoise", "--quiet"]).succeeds();
    assert_eq!(open(&out).color(), image::ColorType::Rgb16);
}

#[test]
fn alpha_is_kept() {
    let s = Scratch::new();
    let mut picture = open(&s.picture("in.png", 24, 20)).to_rgba8();
    picture.enumerate_pixels_mut().for_each(|(x, y, p)| p.0[3] = (x * 7 + y) as u8);
    let input = s.text("alpha.png");
    picture.save(&input).expect("writable");
    let out = s.text("out.png");
    vernis(&["restore", &input, "-o", &out, "--task", "denoise", "--quiet"]).succeeds();
    let restored = open(&out).to_rgba8();
    assert!(restored.pixels().zip(picture.pixels()).all(|(a, b)| a.0[3] == b.0[3]));
}

#[test]
fn a_directory_keeps_its_tree_and_a_bad_file_does_not_stop_the_rest() {
    let s = Scratch::new();
    std::fs::create_dir_all(s.path("in/deep")).expect("writable");
    s.picture("in/a.png", 20, 16);
    s.picture("in/deep/b.png", 16, 20);
    s.write("in/bad.png", b"no picture");
    s.write("in/notes.txt", b"not looked at");
    let outcome = vernis(&["restore", &s.text("in"), "-o", &s.text("out"), "--task", "denoise"]);
    outcome.fails_with(3, &["bad.png", "1 of 3"]);
    assert_eq!(list(&s.path("out")), ["a.png", "deep"]);
    assert_eq!(list(&s.path("out/deep")), ["b.png"]);
}

#[test]
fn strength_zero_is_the_input() {
    let s = Scratch::new();
    let input = s.picture("in.png", 30, 22);
    let out = s.text("out.png");
    vernis(&["restore", &input, "-o", &out, "--task", "denoise", "--strength", "0", "--quiet"]).succeeds();
    assert_eq!(open(&out).to_rgb8(), open(&input).to_rgb8());
}

#[test]
fn denoising_smooths() {
    let s = Scratch::new();
    let input = s.picture("in.png", 64, 64);
    let out = s.text("out.png");
    vernis(&["restore", &input, "-o", &out, "--task", "denoise", "--quiet"]).succeeds();
    let rough = |path: &str| {
        let p = open(path).to_luma8();
        (0..64)
            .flat_map(|y| (1..64).map(move |x| (x, y)))
            .map(|(x, y)| f64::from(p.get_pixel(x, y).0[0].abs_diff(p.get_pixel(x - 1, y).0[0])))
            .sum::<f64>()
    };
    assert!(rough(&out) < 0.3 * rough(&input), "{} against {}", rough(&out), rough(&input));
}

#[test]
fn tiles_leave_no_seams() {
    let s = Scratch::new();
    let input = s.picture("in.png", 160, 96);
    let (whole, tiled) = (s.text("whole.png"), s.text("tiled.png"));
    let run = |out: &str, tile: &str| {
        vernis(&["restore", &input, "-o", out, "--task", "denoise", "--tile", tile, "--quiet"]).succeeds();
    };
    run(&whole, "off");
    run(&tiled, "64");
    let (a, b) = (open(&whole).to_rgb8(), open(&tiled).to_rgb8());
    // Pooled statistics differ between tiles, so pixels may differ a little; a seam would differ a lot, in a line.
    let column = |x: u32| {
        (0..96).map(|y| f64::from(a.get_pixel(x, y).0[1].abs_diff(b.get_pixel(x, y).0[1]))).sum::<f64>() / 96.0
    };
    let worst = (0..160).map(column).fold(0.0, f64::max);
    assert!(worst < 4.0, "a column differs by {worst} levels on average");
}

#[test]
fn a_stored_prompt_equals_its_pair() {
    let s = Scratch::new();
    let before = s.picture("before.png", 72, 64);
    let after = s.text("after.png");
    open(&before).blur(1.5).save(&after).expect("writable");
    let input = s.picture("in.png", 40, 36);
    let stored = s.text("task.safetensors");
    vernis(&["prompt", &before, &after, "-o", &stored]).succeeds();
    let (a, b) = (s.text("a.png"), s.text("b.png"));
    vernis(&["restore", &input, "-o", &a, "--prompt-pair", &before, &after, "--quiet"]).succeeds();
    vernis(&["restore", &input, "-o", &b, "--prompt", &stored, "--quiet"]).succeeds();
    assert_eq!(open(&a).to_rgb8(), open(&b).to_rgb8());
}

#[test]
fn a_dry_run_prints_the_plan_and_writes_nothing() {
    let s = Scratch::new();
    let input = s.picture("in.png", 50, 40);
    let outcome = vernis(&["restore", &input, "-o", &s.text("out.png"), "--task", "denoise", "--dry-run"]);
    outcome.succeeds();
    assert!(outcome.out.contains("MiB planned") && outcome.out.contains("tiles"), "{}", outcome.out);
    assert!(!s.path("out.png").exists());
}

#[test]
fn the_graph_can_be_looked_at() {
    let s = Scratch::new();
    let input = s.picture("in.png", 32, 32);
    for (name, word) in [("g.dot", "digraph"), ("g.json", "\"slots\"")] {
        let file = s.text(name);
        let out = s.text("out.png");
        vernis(&["restore", &input, "-o", &out, "--task", "denoise", "--dump-graph", &file, "--overwrite", "--quiet"])
            .succeeds();
        assert!(std::fs::read_to_string(&file).expect("written").contains(word));
    }
}

#[test]
fn the_plan_of_a_dry_run_is_the_one_that_is_run() {
    let s = Scratch::new();
    let input = s.picture("a.png", 64, 48);
    let (model, output) = ("weights/instruct-ipt.safetensors", s.text("o.png"));
    let run = |more: &[&str]| {
        vernis(&[&["restore", &input, "-o", &output, "--model", model, "--task", "derain"], more].concat())
    };
    let plan = run(&["--dry-run"]);
    plan.succeeds();
    let planned: f64 = plan
        .out
        .split_once(" MiB planned")
        .and_then(|(before, _)| before.rsplit(' ').next()?.parse().ok())
        .unwrap_or_else(|| panic!("{}", plan.out));
    let budget = |share: f64| format!("{}", (planned * share * f64::from(1 << 20)) as u64);
    run(&["--memory-budget", &budget(0.8), "--tile", "off"]).fails_with(5, &["the budget is"]);
    run(&["--memory-budget", &budget(0.8), "--tile", "off", "--dry-run"]).fails_with(5, &["the budget is"]);
    run(&["--memory-budget", &budget(1.01), "--tile", "off"]).succeeds();
    run(&["--dry-run"]).fails_with(10, &["exists"]);
}

#[test]
fn files_that_are_no_pictures_are_told() {
    let s = Scratch::new();
    std::fs::create_dir(s.path("in")).expect("writable");
    s.picture("in/a.png", 12, 9);
    let run = || vernis(&["restore", &s.text("in"), "-o", &s.text("out/"), "--task", "denoise", "--overwrite"]);
    assert!(!run().err.contains("left out"));
    std::fs::write(s.path("in/b.bmp"), "BM").expect("writable");
    std::fs::write(s.path("in/notes.txt"), "x").expect("writable");
    let told = run();
    told.succeeds();
    assert!(told.err.contains("b.bmp: it and 1 more") && told.err.contains("left out"), "{}", told.err);
}

#[test]
fn tasks_and_devices_are_listed() {
    let tasks = vernis(&["tasks"]);
    tasks.succeeds();
    for name in ["denoise", "dehaze", "edges"] {
        assert!(tasks.out.contains(name), "{}", tasks.out);
    }
    vernis(&["devices", "--json"]).succeeds();
    vernis(&["info", "nafnet-denoise"]).succeeds();
}
