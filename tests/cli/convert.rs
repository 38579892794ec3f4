//! `vernis convert` and `vernis info`.

use crate::run::{Scratch, vernis};
use crate::weights::{checkpoint, write};

fn fixture(name: &str) -> String {
    format!("{}/tests/golden/pth/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn an_official_checkpoint_becomes_a_file_that_says_what_it_is() {
    let s = Scratch::new();
    let out = s.text("nafnet.safetensors");
    let done = vernis(&["convert", &fixture("nafnet.pth"), "-o", &out, "--license", "MIT", "--dtype", "f16"]);
    done.succeeds();
    for word in ["recognised  nafnet", "\"width\":4", "wrapper", "licence     MIT", &out] {
        assert!(done.out.contains(word), "`{word}` is not in: {}", done.out);
    }
    vernis(&["convert", &fixture("nafnet.pth"), "-o", &out]).fails_with(10, &["exists", "--overwrite"]);
    let info = vernis(&["info", &out, "--json"]);
    info.succeeds();
    let info: serde_json::Value = serde_json::from_str(&info.out).expect("JSON");
    assert_eq!(
        (&info["family"], &info["license"], &info["precision"]),
        (&"nafnet".into(), &"MIT".into(), &"f32".into())
    );
    assert_eq!((&info["config"]["width"], &info["multiple"]), (&4.into(), &2.into()));
    assert!(info["parameters"].as_u64() > Some(1000) && info["flops_per_megapixel"].as_f64() > Some(1e8), "{info}");
}

#[test]
fn f16_is_stated_where_it_was_seen_to_be_enough() {
    let s = Scratch::new();
    let out = s.text("nafnet.safetensors");
    let picture = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/dark.png");
    let done = vernis(&["convert", &fixture("nafnet.pth"), "-o", &out, "--try-f16", picture, "--device", "cpu"]);
    done.succeeds();
    let line = done.out.lines().find(|l| l.starts_with("f16")).expect("a line about f16");
    let agreement: f64 = line.split(' ').rev().nth(1).and_then(|n| n.parse().ok()).expect("dB");
    let info = vernis(&["info", &out, "--json"]);
    let info: serde_json::Value = serde_json::from_str(&info.out).expect("JSON");
    assert_eq!(info["precision"], if agreement >= 50.0 { "f16" } else { "f32" }, "{line}");
    assert_eq!(s.names(), ["nafnet.safetensors"], "the file it was tried on is gone");
    vernis(&["convert", &fixture("nafnet.pth"), "-o", &s.text("b"), "--try-f16", &s.text("none.png")])
        .fails_with(8, &["none.png"]);
    assert!(!s.path("b").exists());
}

#[test]
fn weights_that_nobody_could_load_are_not_converted() {
    let s = Scratch::new();
    let file = checkpoint(&s, "nafnet-odd");
    let mut bytes = std::fs::read(&file).expect("written");
    let at = bytes.len() - 4;
    bytes[at..].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(&file, bytes).expect("writable");
    vernis(&["convert", &file, "-o", &s.text("out.safetensors")]).fails_with(9, &["NaN", "index"]);
    assert_eq!(s.names(), ["nafnet-odd.safetensors"]);
}

#[test]
fn attacks_and_legacy_files_are_refused() {
    let s = Scratch::new();
    let out = s.text("out.safetensors");
    let run = |name: &str| vernis(&["convert", &fixture(name), "-o", &out]);
    run("hostile_system.pth").fails_with(9, &["os.system", "not run"]);
    run("hostile_memo_bomb.pth").fails_with(9, &["hostile_memo_bomb"]);
    run("hostile_huge_shape.pth").fails_with(9, &["hostile_huge_shape"]);
    run("legacy.pth").fails_with(9, &["before version 1.6", "torch.save(torch.load("]);
    run("plain.pth").fails_with(9, &["no architecture vernis knows"]);
    vernis(&["convert", &s.text("missing.pth"), "-o", &out]).fails_with(6, &["missing.pth"]);
    assert!(s.names().is_empty(), "{:?}", s.names());
}

#[test]
fn what_shapes_do_not_show_is_asked_for() {
    let s = Scratch::new();
    let bare = write(&s, "ipt.safetensors", "ipt-denoise", false, |k| Some(k.to_owned()));
    let out = s.text("out.safetensors");
    let words = ["num_heads, pos_every", "vernis convert", "--config"];
    vernis(&["convert", &bare, "-o", &out]).fails_with(9, &words);
    vernis(&["info", &bare]).fails_with(9, &words);
    vernis(&["convert", &bare, "-o", &out, "--config", r#"{"num_heads":4,"pos_every":false}"#]).succeeds();
    let info = vernis(&["info", &out]);
    info.succeeds();
    assert!(info.out.contains("\"num_heads\":4") && info.out.contains("GFLOP per megapixel"), "{}", info.out);
}
