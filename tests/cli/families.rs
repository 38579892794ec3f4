//! Every family through the program: with the instructions it follows, and with those it does not.

use vernis::checkpoint::adapters::AdapterKey;

use crate::run::{Outcome, Scratch, vernis};
use crate::weights::{checkpoint, write};

const USAGE: i32 = 2;

/// A piece of the noisy example.
fn photograph(s: &Scratch) -> String {
    let whole = image::open(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/noisy.png")).expect("the example");
    whole.crop_imm(20, 30, 50, 35).save(s.path("in.png")).expect("writable");
    s.text("in.png")
}

fn restore(s: &Scratch, case: &str, more: &[&str]) -> Outcome {
    let (input, model) = (photograph(s), checkpoint(s, case));
    let out = s.text("out.png");
    vernis(&[&["restore", &input, "-o", &out, "--model", &model, "--overwrite"][..], more].concat())
}

#[test]
fn every_family_restores_a_photograph() {
    let s = Scratch::new();
    let say = "please get rid of the rain";
    let families: &[(&str, &[&str], u32, &[&str])] = &[
        ("restormer-withbias", &[], 1, &["restormer"]),
        ("nafnet-local-tlc", &[], 1, &["nafnet"]),
        ("xrestormer-sr2-window4", &[], 2, &["100x70"]),
        ("pip-topm", &["--task", "rain=0.7,denoise=0.3"], 1, &["derain 0.700, denoise 0.300"]),
        ("datprl-dual-cross-cross", &[], 1, &["task prompts: #", "domain prompts: #"]),
        ("datprl-naf-concat-concat", &[], 1, &["task prompts: #", "domain prompts: #"]),
        ("ipt-chop-sr2", &[], 2, &["100x70"]),
        ("ipt-sr3", &["--task", "x3"], 3, &["150x105"]),
        ("instruct-ipt-conv1x1", &["--say", say], 1, &["rain", "tasks: derain 1", "adapters: "]),
        ("instruct-ipt-conv1x1", &["--task", "derain=0.7,denoise=0.3"], 1, &["denoise 0.3", "derain 0.7"]),
    ];
    for (case, told, scale, words) in families {
        let done = restore(&s, case, &[told, &["--explain"][..]].concat());
        done.succeeds();
        for word in *words {
            assert!(done.err.contains(word), "{case}: `{word}` is not in: {}", done.err);
        }
        let out = image::open(s.path("out.png")).expect("a picture").to_rgb8();
        assert_eq!((out.width(), out.height()), (50 * scale, 35 * scale), "{case}");
        assert!(out.pixels().any(|p| p != out.get_pixel(0, 0)), "{case}");
    }
}

#[test]
fn a_family_says_which_instructions_it_follows() {
    let s = Scratch::new();
    let pair = photograph(&s);
    let pair: &[&str] = &["--prompt-pair", &pair, &pair];
    restore(&s, "pip-topm", &[]).fails_with(USAGE, &["must be told its task", "classifier", "denoise, derain, dehaze"]);
    restore(&s, "pip-topm", &["--task", "edges"]).fails_with(USAGE, &["no class for edges", "lowlight"]);
    restore(&s, "pip-topm", pair).fails_with(USAGE, &["takes no example pair", "a blend of denoise, derain"]);
    restore(&s, "datprl-task-cross", pair).fails_with(USAGE, &["it chooses its prompts itself"]);
    restore(&s, "restormer-withbias", pair).fails_with(USAGE, &["no instruction"]);
    restore(&s, "restormer-withbias", &["--task", "derain,denoise"]).fails_with(USAGE, &["blends no tasks"]);
    restore(&s, "ipt-sr3", &[]).fails_with(USAGE, &["which of its heads", "x2, x3"]);
    restore(&s, "ipt-sr3", &["--task", "x4"]).fails_with(USAGE, &["x4", "x2, x3"]);
    restore(&s, "instruct-ipt-conv1x1", &["--task", "derian"]).fails_with(USAGE, &["did you mean derain"]);
    let part = &["part of a diffusion generalist"];
    restore(&s, "ldm-unet-small-odd-batch2", &["--task", "denoise"]).fails_with(USAGE, part);
    restore(&s, "genlv-small", &[]).fails_with(USAGE, &["must be told its task"]);
}

#[test]
fn tasks_lists_what_a_checkpoint_can_be_told() {
    let s = Scratch::new();
    let list = |case: &str| {
        let done = vernis(&["tasks", &checkpoint(&s, case)]);
        done.succeeds();
        done.out
    };
    let out = list("instruct-ipt-conv1x1");
    assert!(out.contains("--task desnow") && out.contains("blends"), "{out}");
    assert!(list("ipt-sr3").contains("--task x3"));
    assert!(list("restormer-withbias").contains("follows no instruction"));
}

#[test]
fn the_published_program_of_a_family_is_followed() {
    let s = Scratch::new();
    let done = restore(&s, "pip-topm", &["--task", "derain", "--protocol", "official"]);
    done.succeeds();
    assert!(done.err.contains("works on 48x32 pixels"), "{}", done.err);
    let out = image::open(s.path("out.png")).expect("a picture");
    assert_eq!((out.width(), out.height()), (48, 32));
    restore(&s, "pip-topm", &["--task", "derain", "--protocol", "official", "--tile", "64"])
        .fails_with(USAGE, &["no tiles of a chosen size"]);
}

#[test]
fn adapter_files_become_tasks() {
    let s = Scratch::new();
    let case = "instruct-ipt-conv1x1";
    let carrier =
        write(&s, "carrier.safetensors", case, false, |k| AdapterKey::parse(k).is_none().then(|| k.to_owned()));
    let derain = write(&s, "derain.safetensors", case, false, |k| {
        let key = AdapterKey::parse(k).filter(|p| p.task == "derain")?;
        Some(format!("base_model.model.{}.{}.weight", key.module, key.kind))
    });
    let (input, adapter) = (photograph(&s), format!("wet={derain}"));
    let run = |out: &str, more: &[&str]| {
        vernis(&[&["restore", &input, "-o", out, "--adapter", &adapter, "--explain"][..], more].concat())
    };
    let (ours, theirs) = (s.text("ours.png"), s.text("out.png"));
    let done = run(&ours, &["--model", &carrier, "--task", "wet"]);
    done.succeeds();
    assert!(done.err.contains("tasks: wet 1"), "{}", done.err);
    restore(&s, case, &["--task", "derain"]).succeeds();
    let told = vernis(&["tasks", &carrier, "--adapter", &adapter]);
    told.succeeds();
    assert!(told.out.contains("--task wet"), "{}", told.out);
    let open = |path: &str| image::open(path).expect("a picture").to_rgb8();
    let levels = open(&ours).iter().zip(open(&theirs).iter()).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(levels <= Some(1), "{levels:?} levels");
    run(&ours, &["--model", &carrier, "--task", "dry", "--overwrite"]).fails_with(USAGE, &["no task dry", "wet"]);
    run(&ours, &["--task", "denoise"]).fails_with(USAGE, &["--model"]);
    vernis(&["restore", &input, "-o", &ours, "--model", &carrier, "--adapter", "wet"])
        .fails_with(USAGE, &["NAME=FILE"]);
}
