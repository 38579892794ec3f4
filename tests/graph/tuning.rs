//! What tuning compares: every family that the device offers computes the trial as plain loops do.

use vernis::base::DType;
use vernis::run::tune::trial::Trial;

use crate::support::compare::{Tolerance, compare};
use crate::support::gpu::open;

#[test]
fn every_family_passes_the_trial() {
    let mut gpu = open();
    let trials = Trial::classes(true).expect("generated weights");
    let [trial] = &trials[..] else { panic!("a software adapter is tried once") };
    let right = trial.expected().expect("their values");
    let count = [right.len() as u32];
    for family in gpu.contraction_candidates().to_vec() {
        gpu.set_contraction(family);
        for (precision, tolerance) in [(DType::F32, Tolerance::Sum), (DType::F16, Tolerance::Half)] {
            let (seconds, output) = trial.run(&gpu, precision).expect("a trial");
            assert!(seconds > 0.0);
            let verdict = compare(tolerance, (&count, &output), (&count, &right));
            assert_eq!(verdict, Ok(()), "{family:?} {precision:?}");
        }
    }
}
