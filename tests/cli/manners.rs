//! How the program behaves around the pictures: streams, names in the way, results among inputs, what is said of flags.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use crate::generalist;
use crate::run::{Scratch, list, vernis};
use crate::weights::checkpoint;

fn open(path: &str) -> image::RgbImage {
    image::open(path).expect("a readable picture").to_rgb8()
}

#[test]
fn a_picture_goes_through_streams() {
    let s = Scratch::new();
    let input = s.picture("in.png", 24, 18);
    let mut child = Command::new(env!("CARGO_BIN_EXE_vernis"))
        .args(["restore", "-", "-o", "-", "--format", "png", "--task", "denoise"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("piped").write_all(&std::fs::read(&input).expect("a file")).expect("taken");
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let streamed = image::load_from_memory(&output.stdout).expect("nothing but the picture").to_rgb8();
    let out = s.text("out.png");
    vernis(&["restore", &input, "-o", &out, "--task", "denoise", "--quiet"]).succeeds();
    assert_eq!(streamed, open(&out), "as through files");
    vernis(&["restore", &input, "-o", "-", "--task", "denoise"]).fails_with(2, &["standard output", "--format"]);
    let also = vernis(&["restore", "-", &input, "-o", &s.text("dir/"), "--task", "denoise"]);
    also.fails_with(2, &["standard input"]);
}

#[test]
fn a_reader_that_leaves_is_no_crash() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_vernis"))
        .args(["info", "nafnet-denoise"])
        .env("RUST_BACKTRACE", "0")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
    child.wait().expect("it ends");
    assert!(!said.contains("panicked"), "{said}");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
    if let Ok(full) = full {
        let output = Command::new(env!("CARGO_BIN_EXE_vernis"))
            .args(["info", "nafnet-denoise"])
            .stdout(full)
            .output()
            .expect("the program starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(10), "{said}");
        assert!(said.contains("standard output") && !said.contains("panicked"), "{said}");
    }
}

#[test]
fn without_a_driver_the_package_is_named() {
    let s = Scratch::new();
    let input = s.picture("in.png", 8, 8);
    let output = Command::new(env!("CARGO_BIN_EXE_vernis"))
        .args(["restore", &input, "-o", &s.text("out.png"), "--task", "denoise"])
        .env("VK_DRIVER_FILES", s.path("none.json"))
        .env("VK_ICD_FILENAMES", s.path("none.json"))
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("Vulkan, Metal and DX12") && said.contains("mesa-vulkan-drivers"), "{said}");
}

#[test]
fn a_folder_named_like_weights_is_not_in_their_way() {
    let s = Scratch::new();
    std::fs::create_dir(s.path("nafnet-denoise")).expect("a folder");
    std::fs::write(s.path("genlv"), b"no weights").expect("a file");
    for name in ["nafnet-denoise", "genlv"] {
        let output = Command::new(env!("CARGO_BIN_EXE_vernis"))
            .args(["info", name])
            .current_dir(s.path(""))
            .output()
            .expect("the program starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn results_among_the_inputs_are_not_restored_again() {
    let s = Scratch::new();
    std::fs::create_dir(s.path("in")).expect("a folder");
    s.picture("in/a.png", 16, 16);
    #[cfg(unix)]
    std::os::unix::fs::symlink("..", s.path("in/up")).expect("a link");
    let (input, out) = (s.text("in"), s.text("in/out"));
    for _ in 0..2 {
        vernis(&["restore", &input, "-o", &out, "--task", "denoise", "--skip-existing", "--quiet"]).succeeds();
        assert_eq!(list(&s.path("in/out")), ["a.png"]);
    }
}

#[test]
fn a_blend_finds_weights_that_blend() {
    let s = Scratch::new();
    let input = s.picture("in.png", 16, 16);
    let ask = |more: &[&str]| vernis(&[&["restore", &input, "-o", &s.text("out.png"), "--dry-run"], more].concat());
    // The shipped weights lie in the repository's weights/, where tests run.
    let by_names = ask(&["--task", "derain=0.7,desnow=0.3"]);
    by_names.succeeds();
    let by_words = ask(&["--say", "remove the rain and the snow"]);
    by_words.succeeds();
    for blend in [by_names, by_words] {
        assert!(blend.err.contains("model: instruct-ipt"), "{}", blend.err);
    }
    ask(&["--task", "edges=0.5,derain=0.5"]).fails_with(6, &["blend the tasks edges, derain"]);
    ask(&["--task", "deworm=0.5,derain=0.5"]).fails_with(2, &["deworm"]);
}

#[test]
fn flags_that_cannot_be_followed_are_said() {
    let s = Scratch::new();
    let input = s.picture("in.png", 80, 80);
    let restore = |out: &str, more: &[&str]| {
        vernis(&[&["restore", &input, "-o", &s.text(out), "--task", "denoise"], more].concat())
    };
    restore("b.png", &["--format", "jpg"]).fails_with(2, &["--format", "PNG"]);
    restore("b.png", &["--device", "4090"]).fails_with(4, &["no adapter is called 4090", "vernis devices"]);
    let tiled = restore("tiled.png", &["--tile", "33"]);
    tiled.succeeds();
    assert!(tiled.err.contains("takes no tiles of 33") && tiled.err.contains("tiles of 32x32"), "{}", tiled.err);
    let exact = restore("exact.png", &["--tile", "32"]);
    exact.succeeds();
    assert!(!exact.err.contains("takes no tiles"), "{}", exact.err);
    let quiet = restore("quiet.png", &["--quiet"]);
    quiet.succeeds();
    assert!(quiet.err.is_empty() && quiet.out.is_empty(), "{}{}", quiet.out, quiet.err);
    let enlarging = checkpoint(&s, "ipt-chop-sr2");
    let mixed = vernis(&["restore", &input, "-o", &s.text("x2.png"), "--model", &enlarging, "--strength", "0.5"]);
    mixed.fails_with(2, &["strength", "2 times as large"]);
}

#[test]
fn a_model_that_chooses_says_that_it_was_not_told() {
    let s = Scratch::new();
    let model = checkpoint(&s, "datprl-naf-cross-cross-odd");
    let input = s.picture("in.png", 16, 16);
    let outcome = vernis(&["restore", &input, "-o", &s.text("o.png"), "--model", &model, "--task", "derain"]);
    outcome.succeeds();
    assert!((outcome.out + &outcome.err).contains("derain was not used"), "{}", outcome.err);
}

#[test]
fn colour_under_transparency_has_no_influence() {
    let s = Scratch::new();
    transparency(&s, &[]);
    let drawing = s.text("tiny.safetensors");
    generalist::write(
        &s.path("tiny.safetensors"),
        &generalist::case("diffusion-generalist-tiny-panoptic"),
        &generalist::tasks(),
    );
    transparency(&s, &["--model", &drawing, "--overwrite"]);
}

fn transparency(s: &Scratch, more: &[&str]) {
    let grey = open(&s.picture("in.png", 48, 32));
    let mut restored = Vec::new();
    for (name, hidden) in [("loud", [255, 0, 255]), ("dark", [0, 20, 0])] {
        let picture = image::RgbaImage::from_fn(48, 32, |x, y| {
            let [r, g, b] = if x < 24 { grey.get_pixel(x, y).0 } else { hidden };
            image::Rgba([r, g, b, if x < 24 { 255 } else { 0 }])
        });
        let (input, out) = (s.text(&format!("{name}.png")), s.text(&format!("{name}-out.png")));
        picture.save(&input).expect("writable");
        vernis(&[&["restore", &input, "-o", &out, "--task", "denoise", "--quiet"], more].concat()).succeeds();
        let after = image::open(&out).expect("a picture").to_rgba8();
        assert!(after.enumerate_pixels().all(|(x, _, p)| x < 24 || p.0 == [hidden[0], hidden[1], hidden[2], 0]));
        restored.push(after);
    }
    let visible =
        |p: &image::RgbaImage| p.enumerate_pixels().filter(|(x, ..)| *x < 24).map(|(.., p)| *p).collect::<Vec<_>>();
    assert_eq!(visible(&restored[0]), visible(&restored[1]));
}

/// Drivers may print lines of their own.
fn events(text: &str) -> Vec<serde_json::Value> {
    text.lines().filter(|l| !l.starts_with("error: XDG")).map(|l| serde_json::from_str(l).expect(l)).collect()
}

#[test]
fn a_program_is_told_by_events() {
    let s = Scratch::new();
    let (photo, bad) = (s.text("in/a.png"), s.text("in/b.png"));
    std::fs::create_dir_all(s.path("in")).unwrap();
    std::fs::copy("examples/noisy.png", &photo).unwrap();
    std::fs::write(&bad, "no picture").unwrap();
    let run = vernis(&["restore", &s.text("in"), "-o", &s.text("out"), "--task", "denoise", "--progress", "json"]);
    assert_eq!(run.code, 3, "{}", run.err);
    let events = events(&run.err);
    let of = |name: &str| events.iter().filter(|e| e["event"] == name).collect::<Vec<_>>();
    assert_eq!(events[0]["event"], "start");
    assert_eq!((&events[0]["files"], &events[0]["model"]), (&2.into(), &"nafnet-denoise".into()));
    assert!(of("progress").windows(2).all(|p| p[0]["of_all"].as_f64() <= p[1]["of_all"].as_f64()), "it goes back");
    assert_eq!(of("done")[0]["outputs"][0], s.text("out/a.png"));
    assert_eq!((&of("failed")[0]["file"], &of("failed")[0]["code"]), (&bad.into(), &8.into()));
    assert_eq!(events.last().unwrap()["failed"], 1);
    for nonsense in [&["--task", "nonsense", "--progress", "json"][..], &["--nonsense", "--progress=json"]] {
        let refused = vernis(&[&["restore", &photo, "-o", &s.text("x.png")], nonsense].concat());
        let [only] = &self::events(&refused.err)[..] else { panic!("{}", refused.err) };
        assert_eq!((refused.code, &only["event"], &only["code"]), (2, &"error".into(), &2.into()));
        assert!(only["what"].as_str().is_some_and(|what| what.contains("nonsense")), "{only}");
    }
}

#[test]
fn shells_can_learn_the_words() {
    for (shell, word) in [("bash", "complete -F"), ("zsh", "#compdef vernis"), ("fish", "complete -c vernis")] {
        let run = vernis(&["completions", shell]);
        assert!(run.code == 0 && run.out.contains(word) && run.out.contains("restore"), "{shell}");
    }
}

#[cfg(unix)]
#[test]
fn names_that_are_no_text_are_restored_and_told() {
    use std::os::unix::ffi::OsStrExt as _;
    let s = Scratch::new();
    let folder = s.path("in");
    std::fs::create_dir(&folder).expect("writable");
    let odd = std::ffi::OsStr::from_bytes(b"\xff.png");
    let Ok(()) = std::fs::rename(s.picture("a.png", 12, 9), folder.join(odd)) else { return };
    let ran = vernis(&["restore", &s.text("in"), "-o", &s.text("out"), "--task", "denoise", "--progress", "json"]);
    ran.succeeds();
    assert!(s.path("out").join(odd).exists());
}

#[test]
fn a_refused_request_makes_no_directories() {
    let s = Scratch::new();
    let input = s.picture("a.png", 8, 8);
    std::fs::create_dir(s.path("b")).expect("writable");
    let other = s.picture("b/a.png", 8, 8);
    vernis(&["restore", &input, &other, "-o", &s.text("new"), "--task", "denoise"]).fails_with(2, &["two pictures"]);
    assert!(!s.path("new").exists());
    vernis(&["restore", &input, &input, "-o", &s.text("new"), "--task", "denoise", "--dry-run"]).succeeds();
    let graph = ["--dump-graph", &s.text("g.json"), "-o", &s.text("new"), "--task", "denoise"];
    vernis(&[&["restore", &input, &other][..], &graph].concat()).fails_with(2, &["two pictures"]);
    let third = s.picture("c.png", 8, 8);
    vernis(&[&["restore", &input, &third][..], &graph].concat()).fails_with(2, &["one graph file"]);
}

#[test]
fn weights_and_devices_are_not_guessed() {
    let s = Scratch::new();
    let input = s.picture("a.png", 8, 8);
    let out = s.text("o.png");
    vernis(&["restore", &input, "-o", &out, "--task", "edges=0.5"])
        .fails_with(2, &["whole or not at all", "--strength"]);
    vernis(&["restore", &input, "-o", &out, "--task", "derain=100"]).fails_with(2, &["from -16 to 16"]);
    // Digits stand in the name of many a driver; 99 is no adapter for that.
    vernis(&["restore", &input, "-o", &out, "--task", "denoise", "--device", "99"]).fails_with(4, &["99"]);
    vernis(&["restore", &input, "-o", &out, "--task", "denoise", "--strength", "-0.1"]).fails_with(2, &["strength"]);
    vernis(&["restore", &input, "-o", &out, "--task", "denoise", "--dump-graph", &input, "--overwrite"])
        .fails_with(2, &[".dot"]);
    let long = "rain ".repeat(300);
    vernis(&["restore", &input, "-o", &out, "--say", &long]).fails_with(2, &["300 words"]);
}
