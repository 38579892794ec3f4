//! Every stored case within its tolerance; the full configurations, whose weights are many, when asked for.

use vernis::base::DType;
use vernis::run::verify::verify;

use crate::{cases, gpu};

fn run(full: bool) {
    let gpu = gpu();
    let mut failures = Vec::new();
    for case in cases().iter().filter(|c| c.name.ends_with("-full") == full) {
        for precision in [DType::F32, DType::F16] {
            if precision == DType::F16 && case.tolerance_f16.is_none() {
                continue;
            }
            match verify(&gpu, case, precision) {
                Ok(verdict) if verdict.passed() => {}
                Ok(verdict) => failures.push(format!("{verdict:?}")),
                Err(e) => failures.push(format!("{}: {e}", case.name)),
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn outputs_are_those_of_the_official_code() {
    run(false);
}

#[test]
#[ignore = "up to 71 million parameters a case"]
fn full_configurations_too() {
    run(true);
}
