//! The output guard: a picture that is wrong is never written as if it were right.

use crate::base::{Error, Kind, Result};

/// Refuses a whole picture of 0..1 that became one colour, such as white or black past the range, although it was not. (A
/// tile may: a sky that clips.)
pub fn check_whole(input: &[f32], output: &[f32]) -> Result<()> {
    match spread(output) < SAME && spread(input) > VARIES {
        true => Err(refused("the picture", "it is one colour although the picture is not".into())),
        false => Ok(()),
    }
}

/// Refuses NaN, infinite and absurd values, and a constant result of a picture that varies.
pub fn check(input: &[f32], output: &[f32], what: &str) -> Result<()> {
    let refuse = |why: String| Err(refused(what, why));
    if let Some(at) = output.iter().position(|v| !v.is_finite()) {
        return refuse(format!("value {at} is {}", output[at]));
    }
    if let Some(at) = output.iter().position(|v| v.abs() > LARGEST) {
        return refuse(format!("value {at} is {}, far outside 0..1", output[at]));
    }
    if spread(output) < SAME && spread(input) > VARIES {
        return refuse("it is one colour although the picture is not".into());
    }
    Ok(())
}

fn refused(what: &str, why: String) -> Error {
    Error::new(Kind::Guard, format!("the result of {what} was refused; nothing was written")).why(why).advice(
        "the weights or an adapter may be damaged or not meant for this; on a GPU try --precision f32 or another --device",
    )
}

/// Values between these are one colour, and those of a picture that shows something differ by more.
const SAME: f32 = 1e-6;
const VARIES: f32 = 0.02;

/// No restoration leaves 0..1 by this much, whatever the picture.
const LARGEST: f32 = 64.0;

fn spread(values: &[f32]) -> f32 {
    let (low, high) = values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
    high - low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_result_passes() {
        assert!(check(&[0.0, 1.0], &[0.1, 0.9], "tile 1").is_ok());
        assert!(check(&[0.5, 0.5], &[0.4, 0.4], "a flat picture stays flat").is_ok());
        assert!(check_whole(&[0.5, 0.6], &[1.0, 0.9]).is_ok() && check_whole(&[0.5, 0.51], &[1.0, 1.0]).is_ok());
        assert_eq!(check_whole(&[0.5, 0.6], &[1.0, 1.0]).expect_err("all white").kind(), Kind::Guard);
    }

    #[test]
    fn nan_infinite_absurd_and_constant_results_are_refused() {
        for bad in [[f32::NAN, 0.0], [f32::INFINITY, 0.0], [1e9, 0.0], [0.0, 0.0]] {
            let e = check(&[0.0, 1.0], &bad, "tile 1").expect_err("must be refused");
            assert_eq!(e.kind(), Kind::Guard);
        }
    }
}
