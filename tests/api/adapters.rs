//! Adapter files attached to a carrier, and the two ways in which their weights are applied.

use std::path::{Path, PathBuf};

use serde_json::json;
use vernis::checkpoint::adapters::{AdapterKey, without};
use vernis::checkpoint::{Data, StateDict, write_safetensors};
use vernis::{Engine, Instruction, Kind, Model, Picture, RestoreOptions};

use crate::distances::PICTURE;
use crate::{case, described, engine, largest_difference, model, picture, restore};

const CASE: &str = "instruct-ipt-conv1x1";

/// Writes the tensors that `rename` keeps.
fn write(dict: &StateDict, to: &Path, rename: impl Fn(&str) -> Option<String>) {
    let one = |key: &str| {
        let shape = dict.shape(key)?.to_vec();
        Some((rename(key)?, shape, Data::From(dict.clone(), key.to_owned(), None)))
    };
    write_safetensors(to, dict.keys().filter_map(one).collect(), &Default::default(), true).expect("written");
}

/// The carrier of the case without metadata, and the adapter of `task` under PEFT's names.
fn files(dir: &Path, task: &str) -> (PathBuf, PathBuf) {
    let whole = case(CASE).weights.unwrapped().expect("weights");
    let (carrier, adapter) = (dir.join("carrier.safetensors"), dir.join(format!("{task}.safetensors")));
    write(&without(&whole).expect("a carrier"), &carrier, |k| Some(k.to_owned()));
    write(&whole, &adapter, |k| {
        let key = AdapterKey::parse(k).filter(|p| p.task == task)?;
        Some(format!("base_model.model.{}.{}.weight", key.module, key.kind))
    });
    (carrier, adapter)
}

fn told(e: &Engine, m: &mut Model, input: &Picture, task: &str) -> Picture {
    restore(e, m, input, &Instruction::Task(task.into()), &RestoreOptions::default()).picture
}

#[test]
fn attached_files_do_what_a_whole_checkpoint_does() {
    let (e, dir) = (engine(), tempfile::tempdir().expect("a directory"));
    let (carrier, derain) = files(dir.path(), "derain");
    let (_, denoise) = files(dir.path(), "denoise");
    let bare = || e.load(&carrier.display().to_string()).expect("the carrier");
    let mut m = bare().attach("wet", &derain).and_then(|m| m.attach("denoise", &denoise)).expect("attached");
    assert_eq!((m.family(), m.tasks()), ("instruct-ipt", vec!["denoise".to_owned(), "wet".to_owned()]));
    let (mut whole, input) = (model(&case(CASE)), picture(40, 24));
    for (ours, theirs) in [("wet", "derain"), ("wet=0.6,noise=0.4", "derain=0.6,denoise=0.4")] {
        let difference = largest_difference(&told(&e, &mut m, &input, ours), &told(&e, &mut whole, &input, theirs));
        assert!(difference < PICTURE, "{ours}: {difference}");
    }
    let plain = restore(&e, &mut bare(), &input, &Instruction::Blind, &RestoreOptions::default()).picture;
    assert!(largest_difference(&told(&e, &mut m, &input, "wet"), &plain) > 0.01, "the adapter does something");
    let unknown = e.plan(&mut m, (40, 24), &Instruction::Task("wett".into()), &RestoreOptions::default());
    assert!(unknown.expect_err("no such task").to_string().contains("did you mean wet"));
}

#[test]
fn the_settings_beside_an_adapter_count() {
    let (e, dir) = (engine(), tempfile::tempdir().expect("a directory"));
    let (carrier, derain) = files(dir.path(), "derain");
    let folder = dir.path().join("peft");
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::copy(&derain, folder.join("adapter_model.safetensors")).expect("copied");
    let rank = StateDict::open(&derain).expect("an adapter");
    let rank = rank.keys().find(|k| k.ends_with("lora_A.weight")).and_then(|k| rank.shape(k)).expect("a rank")[0];
    let settings = json!({"peft_type": "LORA", "r": rank, "lora_alpha": rank as f64 / 2.0});
    std::fs::write(folder.join("adapter_config.json"), settings.to_string()).expect("written");
    let bare = || e.load(&carrier.display().to_string()).expect("the carrier");
    let mut half = bare().attach("wet", &folder).expect("a folder");
    let mut plain = bare().attach("wet", &derain).expect("a file");
    let input = picture(24, 24);
    let difference = largest_difference(&told(&e, &mut half, &input, "wet"), &told(&e, &mut plain, &input, "wet=0.5"));
    assert!(difference < PICTURE, "alpha is half the rank: {difference}");
}

#[test]
fn what_cannot_be_attached_is_refused() {
    let (e, dir) = (engine(), tempfile::tempdir().expect("a directory"));
    let (carrier, derain) = files(dir.path(), "derain");
    let bare = || e.load(&carrier.display().to_string()).expect("the carrier");
    let say = |m: Model, task: &str, file: &Path| m.attach(task, file).err().expect("refused");
    assert!(say(bare().attach("wet", &derain).expect("once"), "wet", &derain).to_string().contains("of this name"));
    assert_eq!(say(bare(), "a=b", &derain).kind(), Kind::Usage);
    assert_eq!(say(bare(), "wet", &dir.path().join("missing.safetensors")).kind(), Kind::ModelMissing);
    let other = model(&case("nafnet-odd"));
    assert!(say(other, "wet", &derain).to_string().contains("decoder_level1"), "modules of another network");
    let genlv = e.load("genlv").expect("shipped");
    let refused = say(genlv, "wet", &derain).to_string();
    assert!(refused.contains("does not have"), "a family without tasks takes what fits into its weights: {refused}");
}

#[test]
fn the_session_rents_before_it_buys_and_both_ways_agree() {
    let (e, mut m) = (engine(), Model::from_dict(described(&case(CASE)), CASE).expect("a model"));
    let input = picture(48, 48);
    let blend = Instruction::Task("derain=0.7,denoise=0.3".into());
    let mut ways = Vec::new();
    for _ in 0..40 {
        let done = restore(&e, &mut m, &input, &blend, &RestoreOptions::default());
        let merged = done.report.explain.iter().any(|l| l.contains("merged into"));
        assert!(merged || done.report.explain.iter().any(|l| l.contains("beside the network")), "{:?}", done.report);
        ways.push((merged, done.picture));
        if merged {
            break;
        }
    }
    let (first, last) = (&ways[0], &ways[ways.len() - 1]);
    assert!(!first.0 && last.0, "first beside the network, merged in the end: {} runs", ways.len());
    let difference = largest_difference(&first.1, &last.1);
    assert!(difference < PICTURE, "{difference}");
    // Other weights: the counting begins again. A large picture pays at once.
    let other = restore(&e, &mut m, &input, &Instruction::Task("derain".into()), &RestoreOptions::default());
    assert!(other.report.explain.iter().any(|l| l.contains("beside the network")), "{:?}", other.report.explain);
    let large =
        restore(&e, &mut m, &picture(320, 192), &Instruction::Task("dehaze".into()), &RestoreOptions::default());
    assert!(large.report.explain.iter().any(|l| l.contains("merged into")), "{:?}", large.report.explain);
}
