//! Each op has a shader, a host file, a CPU reference and a case table of the same stem.

use super::files::root;

/// What `stem` lacks, given what exists.
fn missing(stem: &str, exists: &dyn Fn(&str) -> bool, shaders: &[String]) -> Vec<String> {
    let (group, op) = stem.split_once('/').expect("a stem is group/op");
    let twin = |s: &&String| {
        let rest = s.strip_prefix(&format!("{group}/")).and_then(|r| r.strip_prefix(op));
        // `contract` is written as contract_tiled and contract_subgroup; contract_io is what they import.
        rest.is_some_and(|r| r.is_empty() || r.starts_with('_'))
    };
    let mut out = Vec::new();
    if !shaders.iter().any(|s| twin(&s)) {
        out.push(format!("{stem}: no kernel shaders/{stem}.wgsl or shaders/{stem}_*.wgsl"));
    }
    for path in [format!("src/ops/{stem}.rs"), format!("tests/reference/{stem}.rs"), format!("tests/ops/{stem}.rs")] {
        if !exists(&path) {
            out.push(format!("{stem}: no {path}"));
        }
    }
    out
}

fn kernels() -> Vec<String> {
    vernis::kernel::generated::KERNELS.iter().map(|k| (*k).to_owned()).collect()
}

#[test]
fn every_op_has_its_twins() {
    let exists = |path: &str| root().join(path).exists();
    let wrong: Vec<String> = vernis::ops::STEMS.iter().flat_map(|s| missing(s, &exists, &kernels())).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_kernel_belongs_to_an_op() {
    // Kernels that measure the device compute nothing a network needs, so they are no ops.
    for kernel in kernels().into_iter().filter(|k| !k.starts_with("bench/")) {
        let owned = vernis::ops::STEMS.iter().any(|s| kernel == *s || kernel.starts_with(&format!("{s}_")));
        assert!(owned, "no op launches shaders/{kernel}.wgsl");
    }
}

#[test]
fn a_missing_twin_is_found() {
    let all = |_: &str| true;
    let shaders = ["norm/layer_norm", "matmul/contract_tiled"].map(str::to_owned);
    assert!(missing("norm/layer_norm", &all, &shaders).is_empty());
    assert!(missing("matmul/contract", &all, &shaders).is_empty());
    assert_eq!(missing("norm/layer", &all, &["norm/layernorm".to_owned()]).len(), 1, "another word");
    assert_eq!(missing("conv/layer_norm", &all, &shaders).len(), 1, "another group");
    assert_eq!(missing("norm/layer_norm", &|_| false, &shaders).len(), 3);
    assert_eq!(missing("norm/layer_norm", &|p| !p.contains("reference"), &shaders).len(), 1);
}
