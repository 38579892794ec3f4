//! Cases computed by the official code in f64; see tests/golden/cases/*/case.json for the source of each.

use std::path::{Path, PathBuf};

use vernis::base::DType;
use vernis::checkpoint::Case;
use vernis::gpu::Gpu;
use vernis::kernel::Contraction;
use vernis::run::verify::verify;

use crate::support::fake;
use crate::support::gpu::{gpu, open};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cases")
}

/// The cases of a family in `folder`, by name.
fn cases(folder: &Path, family: &str) -> Vec<Case> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    paths.sort();
    let open = |p: &PathBuf| Case::open(p).unwrap_or_else(|e| panic!("{e}"));
    paths.iter().filter(|p| p.join("case.json").exists()).map(open).filter(|c| c.family == family).collect()
}

/// Runs a case; the error lists every output and tap.
fn check(gpu: &Gpu, case: &Case, precision: DType) -> Result<(), String> {
    let verdict = verify(gpu, case, precision).map_err(|e| format!("{}: {e}", case.name))?;
    let all: Vec<String> = verdict.checked.iter().map(|c| format!("{} {:.1e}", c.name, c.rel_l2)).collect();
    eprintln!("{} {}: {}", case.name, precision.name(), all.last().map_or("nothing", String::as_str));
    if verdict.passed() {
        return Ok(());
    }
    Err(format!("{} {} beyond {:.0e}: {}", case.name, precision.name(), verdict.tolerance, all.join(", ")))
}

fn family(name: &str, least: usize) {
    let cases = cases(&folder(), name);
    assert!(cases.len() >= least, "only {} cases of {name}", cases.len());
    let run = |case: &Case| {
        let half = case.tolerance_f16.is_some().then_some(DType::F16);
        [Some(DType::F32), half].into_iter().flatten().filter_map(|p| check(gpu(), case, p).err()).collect::<Vec<_>>()
    };
    let failures: Vec<String> = cases.iter().flat_map(run).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn restormer_equals_the_official_code() {
    family("restormer", 3);
}

#[test]
fn nafnet_equals_the_official_code() {
    family("nafnet", 3);
}

#[test]
fn xrestormer_equals_the_official_code() {
    family("xrestormer", 3);
}

#[test]
fn genlv_equals_the_official_code() {
    family("genlv", 4);
}

/// There is no official code: the references are networks with weights that were merged in f64, or our own PyTorch.
#[test]
fn instruct_ipt_equals_its_reference_merged_and_fused() {
    family("instruct-ipt", 5);
}

#[test]
fn convnext_equals_the_official_code_in_every_key_layout() {
    family("convnext", 4);
}

#[test]
fn clip_text_equals_the_official_code_in_every_key_layout() {
    // The tokenizer's case is one of them.
    family("clip-text", 5);
}

#[test]
fn ldm_unet_equals_the_official_code_in_every_key_layout() {
    family("ldm-unet", 5);
}

#[test]
fn diffusion_generalist_equals_the_official_code() {
    family("diffusion-generalist", 4);
}

/// The kernels for GPUs and the plain one, which a software adapter would not choose; those for cooperative matrices where it
/// has some.
#[test]
fn the_kernels_of_other_devices_equal_the_official_code() {
    let mut gpu = open();
    let others = |c: &Contraction| !matches!(c, Contraction::Subgroup { .. } | Contraction::Wide { .. });
    let families: Vec<Contraction> = gpu.contraction_candidates().iter().copied().filter(others).collect();
    for family in families {
        gpu.set_contraction(family);
        for name in ["nafnet-odd", "genlv-conference-batch2"] {
            let case = Case::open(&folder().join(name)).unwrap();
            check(&gpu, &case, DType::F32).unwrap();
            if case.tolerance_f16.is_some() && family.side(DType::F16) != 0 {
                check(&gpu, &case, DType::F16).unwrap();
            }
        }
    }
}

/// More cases, such as those of published size, from the folders of `VERNIS_CASES` (separated as in PATH).
#[test]
fn further_cases_equal_the_official_code() {
    let Some(folders) = std::env::var_os("VERNIS_CASES") else { return };
    for folder in std::env::split_paths(&folders) {
        for family in vernis::models::registry::names() {
            for case in cases(&folder, family) {
                check(gpu(), &case, DType::F32).unwrap();
            }
        }
    }
}

#[test]
fn a_wrong_weight_fails_its_case() {
    let mut case = Case::open(&folder().join("nafnet-odd")).unwrap();
    let swapped = |key: &str| match key {
        "encoders.0.0.norm1.weight" => "encoders.0.0.norm2.weight".to_owned(),
        "encoders.0.0.norm2.weight" => "encoders.0.0.norm1.weight".to_owned(),
        other => other.to_owned(),
    };
    case.weights = case.weights.with_renamed(|k| Some(swapped(k))).unwrap();
    assert!(check(gpu(), &case, DType::F32).is_err(), "two norms changed places and nothing was noticed");
}

/// The fake checkpoints of the other tests have the keys and shapes of the official classes.
#[test]
fn fake_checkpoints_have_the_official_keys() {
    for family in vernis::models::registry::names() {
        if !["restormer", "nafnet", "xrestormer", "genlv"].contains(&family) {
            continue;
        }
        for case in cases(&folder(), family) {
            let mut ours = fake::keys(family, &case.config);
            ours.sort();
            let official: Vec<(String, Vec<usize>)> =
                case.weights.keys().map(|k| (k.to_owned(), case.weights.shape(k).unwrap().to_vec())).collect();
            assert_eq!(ours, official, "{}", case.name);
        }
    }
}
