//! Official checkpoints through `convert`: the same network, and a file that says what it is.

use std::path::{Path, PathBuf};

use vernis::checkpoint::{Data, Element, StateDict, write_safetensors};
use vernis::{ConvertOptions, DType, Instruction, Kind, RestoreOptions, convert};

use crate::{case, engine, largest_difference, picture, restore};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pth").join(name)
}

#[test]
fn a_converted_file_gives_the_same_picture() {
    let (e, dir) = (engine(), tempfile::tempdir().expect("a directory"));
    let (from, to) = (fixture("nafnet.pth"), dir.path().join("nafnet.safetensors"));
    let options = ConvertOptions { license: Some("MIT".into()), ..ConvertOptions::default() };
    let done = convert(&from, &to, &options).expect("converted");
    assert_eq!((done.family.as_str(), done.unwrapped, done.license.as_deref()), ("nafnet", true, Some("MIT")));
    let file = StateDict::open(&to).expect("readable");
    assert!(file.contains("intro.weight") && !file.keys().any(|k| k.starts_with("params")), "plain names");
    for (key, value) in [("vernis.architecture", "nafnet"), ("vernis.colour", "rgb"), ("vernis.license", "MIT")] {
        assert_eq!(file.metadata().get(key).map(String::as_str), Some(value));
    }
    assert_eq!(file.metadata()["vernis.config"], done.config);

    let input = picture(31, 22);
    let run = |path: &Path| {
        let mut m = e.load(&path.display().to_string()).expect("a model");
        restore(&e, &mut m, &input, &Instruction::Blind, &RestoreOptions::default()).picture
    };
    let own = run(&from);
    assert_eq!(run(&to), own);
    assert!(largest_difference(&own, &input) > 0.01, "the network does something");
    let half = dir.path().join("half.safetensors");
    convert(&from, &half, &ConvertOptions { dtype: Some(DType::F16), ..options }).expect("converted");
    assert_eq!(StateDict::open(&half).expect("readable").dtype("intro.weight"), Some(Element::F16));
    assert!(largest_difference(&run(&half), &own) < 0.01);
}

#[test]
fn nothing_is_replaced_unless_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let to = dir.path().join("out.safetensors");
    std::fs::write(&to, b"precious").expect("written");
    let run = |overwrite| convert(&fixture("nafnet.pth"), &to, &ConvertOptions { overwrite, ..Default::default() });
    assert_eq!(run(false).expect_err("it exists").kind(), Kind::Output);
    assert_eq!(std::fs::read(&to).expect("there"), b"precious");
    run(true).expect("allowed");
    assert!(StateDict::open(&to).is_ok());
}

#[test]
fn hostile_damaged_and_unknown_files_write_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let to = dir.path().join("out.safetensors");
    let mut count = 0;
    for entry in std::fs::read_dir(fixture("")).expect("the fixtures") {
        let path = entry.expect("an entry").path();
        if path.ends_with("nafnet.pth") {
            continue;
        }
        let error = convert(&path, &to, &ConvertOptions::default()).expect_err("no network of ours");
        assert_eq!(error.kind(), Kind::Checkpoint, "{}: {error}", path.display());
        count += 1;
    }
    assert!(count >= 25, "{count} fixtures");
    assert_eq!(std::fs::read_dir(dir.path()).expect("readable").count(), 0);
    let legacy = convert(&fixture("legacy.pth"), &to, &ConvertOptions::default()).expect_err("legacy");
    assert!(legacy.what_to_do().contains("torch.save"), "{legacy}");
    let system = convert(&fixture("hostile_system.pth"), &to, &ConvertOptions::default()).expect_err("hostile");
    assert!(system.reason().contains("os.system"), "{system}");
}

#[test]
fn settings_that_shapes_do_not_show_are_asked_for() {
    let dir = tempfile::tempdir().expect("a directory");
    let (from, to) = (dir.path().join("ipt.safetensors"), dir.path().join("out.safetensors"));
    let case = case("ipt-pos-every");
    let dict = case.weights.unwrapped().expect("weights");
    let all = dict
        .keys()
        .map(|k| (k.to_owned(), dict.shape(k).expect("there").to_vec(), Data::From(dict.clone(), k.to_owned(), None)));
    write_safetensors(&from, all.collect(), &Default::default(), true).expect("written");
    let run = |config: Option<&str>| {
        convert(&from, &to, &ConvertOptions { config: config.map(str::to_owned), ..ConvertOptions::default() })
    };
    let asked = run(None).expect_err("heads and pos_every").to_string();
    for word in ["num_heads", "pos_every", "--config"] {
        assert!(asked.contains(word), "{asked}");
    }
    let half = run(Some(r#"{"num_heads": 4}"#)).expect_err("pos_every is missing").to_string();
    assert!(half.contains("pos_every") && !half.contains("num_heads"), "{half}");
    assert_eq!(run(Some("[4]")).expect_err("no object").kind(), Kind::Usage);
    assert!(run(Some(r#"{"num_heads": 4, "pos_every": true, "nonsense": 1}"#)).is_err());
    let done = run(Some(r#"{"num_heads": 4, "pos_every": true}"#)).expect("converted");
    let told: serde_json::Value = serde_json::from_str(&done.config).expect("JSON");
    assert_eq!((&told["num_heads"], &told["pos_every"]), (&case.config["num_heads"], &case.config["pos_every"]));
    engine().load(&to.display().to_string()).expect("the file says it now");
    let lying = ConvertOptions { architecture: Some("restormer".into()), overwrite: true, ..ConvertOptions::default() };
    assert_eq!(convert(&from, &to, &lying).expect_err("it is no restormer").kind(), Kind::Checkpoint);
}
