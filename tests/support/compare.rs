//! The named tolerances, and a comparer whose own tests prove that it can fail.

use super::distances::NETWORK;

/// How close two tensors must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tolerance {
    /// Values are moved, never computed.
    Exact,
    /// One arithmetic step or one special function an element.
    Near,
    /// Sums of many products: norms, softmax, matrix products.
    Sum,
    /// Computed in f32, stored in f16; weights rounded to f16 after what was folded into them.
    Half,
    /// Whole networks, by relative L2.
    Model,
    /// 8-bit pictures.
    Image,
}

/// What a tolerance allows.
struct Bounds {
    /// Times the expected value.
    relative: f64,
    /// Times the largest expected magnitude of the tensor.
    of_largest: f64,
    /// In absolute terms.
    absolute: f64,
    /// Relative L2 of the whole tensor.
    l2: f64,
}

impl Tolerance {
    const fn bounds(self) -> Bounds {
        let any = f64::INFINITY;
        match self {
            Tolerance::Exact => Bounds { relative: 0.0, of_largest: 0.0, absolute: 0.0, l2: 0.0 },
            Tolerance::Near => Bounds { relative: 4e-6, of_largest: 0.0, absolute: 1e-6, l2: 2e-6 },
            Tolerance::Sum => Bounds { relative: 1e-5, of_largest: 1e-5, absolute: 1e-7, l2: 5e-6 },
            // f16 has 11 bits: rounding costs 2^-11 relative, 2^-25 below the normal range.
            Tolerance::Half => Bounds { relative: 1e-3, of_largest: 6e-4, absolute: 1e-7, l2: 6e-4 },
            Tolerance::Model => Bounds { relative: any, of_largest: any, absolute: any, l2: NETWORK },
            Tolerance::Image => Bounds { relative: 0.0, of_largest: 0.0, absolute: 1.0, l2: 2e-2 },
        }
    }
}

/// Relative L2 distance, in f64.
pub fn rel_l2(got: &[f32], expected: &[f32]) -> f64 {
    let (mut difference, mut norm) = (0.0, 0.0);
    for (g, e) in got.iter().zip(expected) {
        difference += (f64::from(*g) - f64::from(*e)).powi(2);
        norm += f64::from(*e).powi(2);
    }
    if difference == 0.0 { 0.0 } else { (difference / norm.max(f64::MIN_POSITIVE)).sqrt() }
}

/// Compares two tensors of the same shape; the error says what is wrong and where.
pub fn compare(
    tolerance: Tolerance,
    (got_shape, got): (&[u32], &[f32]),
    (expected_shape, expected): (&[u32], &[f32]),
) -> Result<(), String> {
    if got_shape != expected_shape {
        return Err(format!("shape {got_shape:?}, expected {expected_shape:?}"));
    }
    let count = expected_shape.iter().product::<u32>() as usize;
    if got.len() != count || expected.len() != count {
        return Err(format!("{} values against {} for {count} elements", got.len(), expected.len()));
    }
    if let Some(i) = (0..count).find(|i| !got[*i].is_finite() || !expected[*i].is_finite()) {
        return Err(format!("{:?}: {} (expected {}) is no number", index(got_shape, i), got[i], expected[i]));
    }
    let b = tolerance.bounds();
    let largest = expected.iter().fold(0.0, |m: f64, v| m.max(f64::from(*v).abs()));
    let allowed = |e: f64| b.relative * e.abs() + b.of_largest * largest + b.absolute;
    let off = |i: &usize| (f64::from(got[*i]) - f64::from(expected[*i])).abs() > allowed(f64::from(expected[*i]));
    let bad: Vec<usize> = if b.relative.is_finite() { (0..count).filter(off).collect() } else { Vec::new() };
    if let Some(i) = bad.first() {
        let worst = (0..count).map(|i| (got[i] - expected[i]).abs()).fold(0.0, f32::max);
        return Err(format!(
            "{} of {count} elements beyond {tolerance:?}, first {:?}: got {}, expected {}; worst difference {worst:e}, \
             largest value {largest:e}",
            bad.len(),
            index(got_shape, *i),
            got[*i],
            expected[*i]
        ));
    }
    let l2 = rel_l2(got, expected);
    if l2 > b.l2 { Err(format!("relative L2 {l2:.2e} beyond {tolerance:?} ({:.0e})", b.l2)) } else { Ok(()) }
}

/// Coordinates of a flat index.
fn index(shape: &[u32], flat: usize) -> Vec<usize> {
    let mut rest = flat;
    let mut out: Vec<usize> = shape
        .iter()
        .rev()
        .map(|d| {
            let at = rest % *d as usize;
            rest /= *d as usize;
            at
        })
        .collect();
    out.reverse();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Tolerance; 6] =
        [Tolerance::Exact, Tolerance::Near, Tolerance::Sum, Tolerance::Half, Tolerance::Model, Tolerance::Image];

    fn values() -> Vec<f32> {
        (0..24).map(|i| 100.0 * (i as f32 - 7.5).sin()).collect()
    }

    #[test]
    fn equal_tensors_pass() {
        for t in ALL {
            assert_eq!(compare(t, (&[2, 3, 4], &values()), (&[2, 3, 4], &values())), Ok(()));
        }
    }

    #[test]
    fn one_bent_element_fails_and_is_named() {
        for t in ALL {
            let mut bent = values();
            bent[17] += 5.0;
            let why = compare(t, (&[2, 3, 4], &bent), (&[2, 3, 4], &values())).unwrap_err();
            assert!(t == Tolerance::Model || why.contains("[1, 1, 1]"), "{t:?}: {why}");
        }
    }

    #[test]
    fn a_bend_just_beyond_the_bound_fails() {
        for (t, bend) in
            [(Tolerance::Exact, 1e-6), (Tolerance::Near, 1e-5), (Tolerance::Sum, 3e-5), (Tolerance::Half, 2e-3)]
        {
            let mut bent = values();
            bent[3] *= 1.0 + bend as f32;
            assert!(compare(t, (&[24], &bent), (&[24], &values())).is_err(), "{t:?}");
        }
    }

    #[test]
    fn what_is_no_number_fails_on_either_side() {
        for t in ALL {
            for bad in [f32::NAN, f32::INFINITY] {
                let mut bent = values();
                bent[5] = bad;
                assert!(compare(t, (&[24], &bent), (&[24], &values())).is_err(), "{t:?}");
                assert!(compare(t, (&[24], &values()), (&[24], &bent)).is_err(), "{t:?}");
                assert!(compare(t, (&[24], &bent), (&[24], &bent)).is_err(), "{t:?}");
            }
        }
    }

    #[test]
    fn another_shape_or_length_fails() {
        for t in ALL {
            assert!(compare(t, (&[2, 3, 4], &values()), (&[2, 4, 3], &values())).is_err());
            assert!(compare(t, (&[24], &values()[..23]), (&[24], &values())).is_err());
            assert!(compare(t, (&[24], &values()), (&[24], &values()[..23])).is_err());
            assert!(compare(t, (&[0], &[]), (&[24], &values())).is_err());
        }
    }

    #[test]
    fn a_constant_shift_of_a_tensor_of_zeros_fails() {
        for t in [Tolerance::Exact, Tolerance::Near, Tolerance::Sum, Tolerance::Half, Tolerance::Model] {
            assert!(compare(t, (&[8], &[0.01; 8]), (&[8], &[0.0; 8])).is_err(), "{t:?}");
        }
    }
}
