//! Checkpoints that draw, through the program: every kind of answer with its files, and what is refused.

use std::path::Path;
use std::sync::OnceLock;

use serde_json::Value;

use crate::generalist;
use crate::run::{Scratch, vernis};

/// A small checkpoint with a task of every codec, written once.
fn model() -> &'static str {
    static MODEL: OnceLock<(tempfile::TempDir, String)> = OnceLock::new();
    let (_, path) = MODEL.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("tiny.safetensors");
        generalist::write(&file, &generalist::case("diffusion-generalist-tiny-panoptic"), &generalist::tasks());
        let path = file.display().to_string();
        (folder, path)
    });
    path
}

fn draw<'a>(input: &'a str, out: &'a str, task: &'a str, more: &[&'a str]) -> crate::run::Outcome {
    vernis(&[&["restore", input, "-o", out, "--model", model(), "--task", task], more].concat())
}

/// Colour type, bits and raw samples of a PNG, with its texts.
fn png(path: &Path) -> (png::ColorType, png::BitDepth, Vec<u8>, png::Info<'static>) {
    let file = std::fs::File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut decoder = png::Decoder::new(std::io::BufReader::new(file));
    decoder.set_transformations(png::Transformations::IDENTITY);
    let mut reader = decoder.read_info().expect("a PNG");
    let mut out = vec![0; reader.output_buffer_size().expect("a size")];
    let frame = reader.next_frame(&mut out).expect("pixels");
    out.truncate(frame.buffer_size());
    (frame.color_type, frame.bit_depth, out, reader.info().clone())
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("JSON")
}

const SIZE: (u32, u32) = (50, 38);
const PIXELS: usize = 50 * 38;

fn scratch() -> (Scratch, String) {
    let s = Scratch::new();
    let input = s.picture("photo.png", SIZE.0, SIZE.1);
    (s, input)
}

#[test]
fn depth_in_sixteen_bits_in_colours_and_over_the_photograph() {
    let (s, input) = scratch();
    let outcome = draw(&input, &s.text("out.png"), "depth", &["--explain", "--seed", "3"]);
    outcome.succeeds();
    for words in
        ["understood: task depth, prompt \"Performance depth estimation\"", "4 steps", "seed 3", "out.color.png"]
    {
        assert!(outcome.err.contains(words), "{words}: {}", outcome.err);
    }
    assert_eq!(s.names(), ["out.color.png", "out.json", "out.overlay.png", "out.png", "photo.png"]);
    let (colour, bits, samples, info) = png(&s.path("out.png"));
    assert_eq!((colour, bits, samples.len()), (png::ColorType::Grayscale, png::BitDepth::Sixteen, 2 * PIXELS));
    assert!(info.uncompressed_latin1_text.iter().any(|t| t.keyword == "depth_max" && t.text == "10"));
    assert!(samples.chunks(2).any(|v| v != &samples[..2]), "it is not flat");
    for name in ["out.color.png", "out.overlay.png"] {
        let (colour, _, samples, _) = png(&s.path(name));
        assert_eq!((colour, samples.len()), (png::ColorType::Rgb, 3 * PIXELS), "{name}");
    }
    let about = json(&s.path("out.json"));
    assert_eq!(
        (about["min"].as_f64(), about["max"].as_f64(), about["image"].as_str()),
        (Some(0.5), Some(10.0), Some("photo.png"))
    );
}

#[test]
fn semantic_as_palette_labels_and_legend() {
    let (s, input) = scratch();
    draw(&input, &s.text("out.png"), "semantic", &["--quiet"]).succeeds();
    assert_eq!(s.names(), ["out.json", "out.labels.png", "out.overlay.png", "out.png", "photo.png"]);
    let (colour, _, numbers, info) = png(&s.path("out.png"));
    let palette = info.palette.expect("a palette").into_owned();
    assert_eq!((colour, numbers.len(), palette.len()), (png::ColorType::Indexed, PIXELS, 3 * 13));
    let (colour, bits, labels, _) = png(&s.path("out.labels.png"));
    assert_eq!((colour, bits), (png::ColorType::Grayscale, png::BitDepth::Eight));
    assert_eq!(labels, numbers, "the palette's numbers are the classes");
    let legend = json(&s.path("out.json"));
    let classes = legend["classes"].as_array().expect("a list");
    assert!(classes.len() > 1, "{legend}");
    let mut counted = 0;
    for class in classes {
        let id = class["id"].as_u64().expect("a number") as usize;
        let pixels = labels.iter().filter(|l| usize::from(**l) == id).count();
        assert_eq!(class["pixels"].as_u64(), Some(pixels as u64), "{class}");
        let rgb: Vec<u64> = class["rgb"].as_array().expect("three").iter().filter_map(Value::as_u64).collect();
        assert!(rgb.iter().zip(&palette[3 * id..]).all(|(a, b)| *a == u64::from(*b)), "{class}");
        assert_eq!(class["name"].as_str(), ["wall", "sky"].get(id).copied(), "{class}");
        counted += pixels;
    }
    assert_eq!(counted, PIXELS);
}

/// Ids of a COCO map, checked against its annotation.
fn coco(s: &Scratch) -> Value {
    let (colour, _, samples, _) = png(&s.path("out.png"));
    assert_eq!(colour, png::ColorType::Rgb);
    let id = |p: &[u8]| u64::from(p[0]) + 256 * u64::from(p[1]) + 65536 * u64::from(p[2]);
    let ids: Vec<u64> = samples.chunks(3).map(id).collect();
    let about = json(&s.path("out.json"));
    assert_eq!(about["images"][0]["file_name"], "photo.png");
    assert_eq!(about["annotations"][0]["file_name"], "out.png");
    let categories = about["categories"].as_array().expect("a list").len() as u64;
    let segments = about["annotations"][0]["segments_info"].as_array().expect("a list");
    assert!(!segments.is_empty());
    let mut listed = 0;
    for segment in segments {
        let inside: Vec<usize> = (0..ids.len()).filter(|p| Some(ids[*p]) == segment["id"].as_u64()).collect();
        assert_eq!(segment["area"].as_u64(), Some(inside.len() as u64), "{segment}");
        let (x, y) = (|p: &usize| p % SIZE.0 as usize, |p: &usize| p / SIZE.0 as usize);
        let range = |f: &dyn Fn(&usize) -> usize| {
            let (low, high) =
                (inside.iter().map(f).min().expect("pixels"), inside.iter().map(f).max().expect("pixels"));
            [low, high - low + 1]
        };
        let ([left, width], [top, height]) = (range(&x), range(&y));
        assert_eq!(segment["bbox"], serde_json::json!([left, top, width, height]), "{segment}");
        assert!(segment["category_id"].as_u64().is_some_and(|c| c < categories));
        listed += inside.len();
    }
    assert_eq!(listed, ids.iter().filter(|id| **id > 0).count(), "every id is listed");
    about
}

#[test]
fn panoptic_and_instances_in_the_coco_format() {
    for (task, categories) in [("panoptic", 12), ("instance", 1)] {
        let (s, input) = scratch();
        draw(&input, &s.text("out.png"), task, &["--quiet"]).succeeds();
        assert_eq!(s.names(), ["out.color.png", "out.json", "out.overlay.png", "out.png", "photo.png"]);
        let about = coco(&s);
        assert_eq!(about["categories"].as_array().map(Vec::len), Some(categories), "{task}");
        let things = about["annotations"][0]["segments_info"].as_array().expect("a list");
        assert!(things.iter().any(|s| s["isthing"] == 1), "{task}: {about}");
    }
}

#[test]
fn restorations_keep_their_size_and_format() {
    let (s, input) = scratch();
    let out = s.text("out.jpg");
    let outcome = vernis(&["restore", &input, "-o", &out, "--model", model(), "--say", "remove the noise please"]);
    outcome.succeeds();
    assert!(outcome.err.contains("--tile 16"), "{}", outcome.err);
    assert_eq!(s.names(), ["out.jpg", "photo.png"]);
    let opened = image::open(&out).expect("a picture");
    assert_eq!((opened.width(), opened.height()), SIZE);
    let strength = s.text("none.png");
    draw(&input, &strength, "denoise", &["--strength", "0", "--steps", "1", "--tile", "20", "--quiet"]).succeeds();
    let same = |path: &str| image::open(path).expect("a picture").to_rgb8();
    assert_eq!(same(&strength), same(&input));
}

#[test]
fn the_seed_decides() {
    let (s, input) = scratch();
    let bytes = |name: &str, seed: &str| {
        let out = s.text(name);
        draw(&input, &out, "depth", &["--steps", "2", "--seed", seed, "--quiet"]).succeeds();
        std::fs::read(&out).expect("written")
    };
    let first = bytes("a.png", "5");
    assert_eq!(first, bytes("b.png", "5"));
    assert_ne!(first, bytes("c.png", "6"));
}

#[test]
fn nothing_is_replaced_unless_told_and_nothing_is_half_written() {
    let (s, input) = scratch();
    let out = s.text("out.png");
    // One of the files beside is in the way.
    s.write("out.json", b"mine");
    draw(&input, &out, "semantic", &["--quiet"]).fails_with(10, &["out.json", "--overwrite"]);
    assert_eq!(s.names(), ["out.json", "photo.png"]);
    draw(&input, &out, "semantic", &["--quiet", "--overwrite"]).succeeds();
    assert!(json(&s.path("out.json"))["classes"].is_array());
}

#[test]
fn a_directory_gets_maps_beside_maps() {
    let s = Scratch::new();
    std::fs::create_dir_all(s.path("in")).expect("writable");
    s.picture("in/a.png", 20, 16);
    let b = s.picture("in/b.png", 16, 20);
    image::open(&b).expect("a picture").to_rgb8().save(s.path("in/b.jpg")).expect("writable");
    let args = ["restore", &s.text("in"), "-o", &s.text("out"), "--model", model(), "--task", "depth", "--steps", "1"];
    vernis(&args).fails_with(2, &["two pictures", "b.png"]);
    std::fs::remove_file(b).expect("there");
    vernis(&args).succeeds();
    let of = |stem: &str| ["color.png", "json", "overlay.png", "png"].map(|e| format!("{stem}.{e}"));
    assert_eq!(crate::run::list(&s.path("out")), [of("a"), of("b")].concat());
}

#[test]
fn a_dry_run_plans_every_part() {
    let (s, input) = scratch();
    let outcome = draw(&input, &s.text("out.png"), "panoptic", &["--dry-run", "--steps", "7"]);
    outcome.succeeds();
    for words in ["looks at 64x64, draws 16x16", "MiB planned", "text        1 x", "features    1 x", "step        7 x"]
    {
        assert!(outcome.out.contains(words), "{words}: {}", outcome.out);
    }
    assert_eq!(s.names(), ["photo.png"]);
    // What a run would refuse.
    std::fs::write(s.path("out.labels.png"), "mine").expect("writable");
    draw(&input, &s.text("out.png"), "semantic", &["--dry-run"]).fails_with(10, &["out.labels.png", "exists"]);
    draw(&input, &s.text("out.png"), "semantic", &["--skip-existing"]).succeeds();
    assert_eq!(s.names(), ["out.labels.png", "photo.png"], "a file of the map is there");
    let profile =
        draw(&input, &s.text("out.png"), "depth", &["--dry-run", "--profile", "--dump-graph", &s.text("g.dot")]);
    profile.succeeds();
    assert!(profile.out.contains("slowest layers") && profile.out.contains("one step"), "{}", profile.out);
    assert!(std::fs::read_to_string(s.path("g.dot")).expect("written").contains("digraph"));
}

#[test]
fn bad_requests_say_what_the_checkpoint_knows() {
    let (s, input) = scratch();
    let out = s.text("out.png");
    for (args, words) in [
        (vec!["--task", "edges"], vec!["edges", "depth, semantic, instance, panoptic, denoise, light"]),
        (vec!["--task", "depth=0.5,denoise=0.5"], vec!["blended"]),
        (vec!["--say", "make it nicer"], vec!["make it nicer", "--task"]),
        (vec![], vec!["must be told"]),
        (vec!["--task", "depth", "--steps", "1001"], vec!["1001", "1000"]),
        (vec!["--task", "depth", "--eta", "2"], vec!["eta"]),
        (vec!["--task", "depth", "--strength", "0.5"], vec!["--strength", "map"]),
        (vec!["--task", "depth", "--depth", "8"], vec!["--depth", "map"]),
        (vec!["--task", "depth", "--tile", "64"], vec!["tiles"]),
        (vec!["--prompt-pair", &input, &input], vec!["example pair", "a task name"]),
    ] {
        let outcome = vernis(&[&["restore", &input, "-o", &out, "--model", model()], &args[..]].concat());
        outcome.fails_with(2, &words);
        assert_eq!(s.names(), ["photo.png"], "{args:?}");
    }
    let jpeg = s.text("out.jpg");
    draw(&input, &jpeg, "depth", &[]).fails_with(2, &["out.jpg", ".png"]);
    draw(&input, &out, "depth", &["--memory-budget", "100K"]).fails_with(5, &["budget"]);
    let restore = ["restore", &input, "-o", &out, "--task", "denoise", "--seed", "1"];
    vernis(&restore).fails_with(2, &["--seed", "nafnet"]);
    assert_eq!(s.names(), ["photo.png"]);
}

/// The first Ctrl-C ends the drawing within a submit and leaves no file.
#[cfg(unix)]
#[test]
fn an_interrupt_leaves_nothing() {
    let (s, input) = scratch();
    let out = s.text("out.png");
    let args = ["restore", &input, "-o", &out, "--model", model(), "--task", "depth", "--steps", "900"];
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_vernis"))
        .args(args)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the program starts");
    // It names the model when it is about to draw; 900 steps take far longer than the wait.
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().expect("piped")));
    lines.by_ref().map_while(Result::ok).find(|line| line.starts_with("model:")).expect("a model is named");
    std::thread::sleep(std::time::Duration::from_secs(2));
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.is_ok_and(|k| k.success()));
    let said: String = lines.map_while(Result::ok).collect();
    assert_eq!(child.wait().expect("it ends").code(), Some(130), "{said}");
    assert!(said.contains("cancelled"), "{said}");
    assert_eq!(s.names(), ["photo.png"]);
}

#[test]
fn the_checkpoint_is_described() {
    let tasks = vernis(&["tasks", model()]);
    tasks.succeeds();
    for words in ["--task panoptic", "12 classes", "--task depth", "0.5 to 10", "Performance semantic segmentation"] {
        assert!(tasks.out.contains(words), "{words}: {}", tasks.out);
    }
    let info = vernis(&["info", model()]);
    info.succeeds();
    for words in ["diffusion-generalist", "draws       16x16 in 4 steps", "looks at 64x64", "panoptic"] {
        assert!(info.out.contains(words), "{words}: {}", info.out);
    }
}

#[test]
fn a_map_needs_no_model_where_one_is_installed() {
    let (s, input) = scratch();
    let folder = s.text("models");
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::copy(model(), s.path("models/diffusion.safetensors")).expect("installed");
    let out = s.text("far.png");
    let outcome = vernis(&["restore", &input, "-o", &out, "--task", "depth", "--models", &folder]);
    outcome.succeeds();
    assert!(outcome.err.contains("model: diffusion"), "{}", outcome.err);
    assert_eq!(png(&s.path("far.png")).1, png::BitDepth::Sixteen);
    let (said, out) = ("estimate the depth of this room", s.text("said.png"));
    vernis(&["restore", &input, "-o", &out, "--say", said, "--models", &folder]).succeeds();
    vernis(&["tasks", "--models", &s.text("typo")]).fails_with(2, &["typo", "no such directory"]);
    let listed = vernis(&["tasks", "--models", &folder]).out;
    let able = |task: &str, end: &str| listed.lines().any(|l| l.starts_with(task) && l.ends_with(end));
    assert!(able("depth", " diffusion") && able("semantic", " diffusion"), "{listed}");
    assert!(able("panoptic", "no shipped weights (diffusion)"), "known, and not picked: {listed}");
}
