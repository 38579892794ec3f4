//! Conformance cases that need no device: samplers, codecs, the tokenizer.

use std::path::{Path, PathBuf};

use vernis::checkpoint::{Case, Data};
use vernis::run::verify::{Verdict, verify_host};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cases").join(name)
}

fn run(name: &str) -> Verdict {
    let case = Case::open(&folder(name)).unwrap();
    let verdict = verify_host(&case).unwrap_or_else(|| panic!("{name} needs a device")).unwrap();
    assert!(verdict.passed(), "{name}: {:?}", verdict.checked);
    // Every name under `call.outputs` is there to be written; a pattern such as `rgb.<C>` stands for several.
    for output in case.outputs() {
        let stem = output.split('<').next().unwrap_or(output);
        assert!(verdict.tensors.iter().any(|(n, _, _)| n.starts_with(stem)), "{name} lacks {output}");
    }
    for (tensor, shape, _) in &verdict.tensors {
        assert_eq!(case.io.shape(tensor), Some(shape.as_slice()), "{name}: {tensor}");
    }
    verdict
}

#[test]
fn samplers_follow_the_reference_in_f64() {
    for name in ["eps", "x0", "v", "eta", "trailing", "bscale-plain", "bscale-std", "bscale-analytic"] {
        let verdict = run(&format!("diffusion-sampler-{name}"));
        assert!(verdict.tolerance <= 1e-10);
        assert!(verdict.checked.iter().all(|c| c.rel_l2 < 1e-14), "{name}: {:?}", verdict.checked);
    }
}

#[test]
fn codecs_draw_and_read_exactly() {
    for name in ["depth", "semantic", "instance", "panoptic"] {
        run(&format!("diffusion-codec-{name}"));
    }
}

#[test]
fn the_tokenizer_gives_the_official_ids() {
    run("clip-text-tokenizer");
}

/// A verdict that cannot fail says nothing.
#[test]
fn one_bent_number_fails_a_case() {
    let mut document = std::fs::read_to_string(folder("diffusion-sampler-eta").join("case.json")).unwrap();
    document = document.replace("\"eta\": 0.7", "\"eta\": 0.7000001");
    let bent = tempfile::tempdir().unwrap();
    std::fs::write(bent.path().join("case.json"), document).unwrap();
    std::fs::copy(folder("diffusion-sampler-eta").join("io.safetensors"), bent.path().join("io.safetensors")).unwrap();
    let verdict = verify_host(&Case::open(bent.path()).unwrap()).unwrap().unwrap();
    assert!(!verdict.passed());

    let case = folder("clip-text-tokenizer");
    let document = std::fs::read_to_string(case.join("case.json")).unwrap();
    std::fs::write(bent.path().join("case.json"), document.replace("A photo of a CAT", "A photo of a dog")).unwrap();
    std::fs::copy(case.join("io.safetensors"), bent.path().join("io.safetensors")).unwrap();
    assert!(!verify_host(&Case::open(bent.path()).unwrap()).unwrap().unwrap().passed());
}

#[test]
fn outputs_keep_the_types_of_the_case() {
    let kinds: Vec<&str> = run("diffusion-sampler-eps")
        .tensors
        .iter()
        .map(|(_, _, data)| match data {
            Data::F64(_) => "f64",
            Data::F32(_) => "f32",
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, ["f64", "f64", "f64", "f32"]);
}
