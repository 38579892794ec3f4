//! What tuning compares: every family that the device offers computes the trial as plain loops do.

use half::f16;
use vernis::base::DType;
use vernis::kernel::Contraction;
use vernis::run::tune::rounding::{add, truncates};
use vernis::run::tune::trial::Trial;

use crate::support::compare::{Tolerance, compare};
use crate::support::generator::uniform;
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
            let mut ready = trial.ready(&gpu, precision).expect("a trial");
            assert!(ready.seconds(&gpu).expect("a time") > 0.0);
            let output = ready.output(&gpu).expect("an output");
            let verdict = compare(tolerance, (&count, &output), (&count, &right));
            assert_eq!(verdict, Ok(()), "{family:?} {precision:?}");
        }
    }
}

/// A device that truncates is told of, and its kernels then round by themselves, as the CPU does.
#[test]
fn f16_is_rounded_to_the_nearest_everywhere() {
    let mut gpu = open();
    assert!(!truncates(&gpu).expect("an answer"), "the software adapters round");
    // Ordinary values, ties, the finest steps, carries into the next power of two, and what lies past the range.
    let numbers = |seed: u64| uniform("rounding", seed, -1.0, 1.0, 4096).into_iter();
    let scales = [1.0f32, 1e-4, 3e-6, 1e-7, 900.0, 60_000.0];
    let half = |v: f32| f16::from_f32(v).to_f32();
    let mut pairs: Vec<(f32, f32)> = numbers(1)
        .zip(numbers(2))
        .enumerate()
        .map(|(i, (a, b))| (half(a * scales[i % 6]), half(b * scales[i % 5])))
        .collect();
    let step = 1.0 / 1024.0;
    pairs.extend([(1.0, step / 2.0), (1.0 + step, step / 2.0), (2.0 - step, step * 0.75), (-1.0, -step * 0.75)]);
    pairs.extend([(65_504.0, 15.0), (65_504.0, 16.0), (-65_504.0, -65_504.0), (0.0, -0.0)]);
    let (a, b): (Vec<f32>, Vec<f32>) = pairs.iter().copied().unzip();
    let expected: Vec<u32> = pairs.iter().map(|(a, b)| half(a + b).to_bits()).collect();
    // Tiles have the packing of a GPU; a software adapter's own family has another.
    gpu.set_contraction(Contraction::TILED);
    gpu.set_truncating(true);
    let sums: Vec<u32> = add(&gpu, &a, &b).expect("sums").map(f32::to_bits).collect();
    for ((pair, sum), expected) in pairs.iter().zip(&sums).zip(&expected) {
        assert_eq!(f32::from_bits(*sum), f32::from_bits(*expected), "{pair:?}");
    }
    assert!(!truncates(&gpu).expect("an answer"), "its own rounding is to the nearest");
}
