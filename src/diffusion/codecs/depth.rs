//! Depth: a range of metres drawn as grey.

use crate::base::{Error, Kind, Result};

/// The metres that black and white stand for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    min: f64,
    max: f64,
}

impl Range {
    pub fn new(min: f64, max: f64) -> Result<Range> {
        if min.is_finite() && max.is_finite() && min < max {
            return Ok(Range { min, max });
        }
        Err(Error::new(Kind::Checkpoint, format!("a depth range of {min} to {max}"))
            .why("the first must be smaller than the second")
            .advice("correct 'min' and 'max' of the depth task"))
    }

    pub fn min(&self) -> f64 {
        self.min
    }

    pub fn max(&self) -> f64 {
        self.max
    }

    /// Three equal channels; depths outside the range become black or white.
    pub fn encode(&self, depth: &[f32]) -> Vec<u8> {
        let grey = |d: &f32| {
            let share = (f64::from(*d) - self.min) / (self.max - self.min);
            (share.clamp(0.0, 1.0) * 255.0 + 0.5).floor() as u8
        };
        depth.iter().flat_map(|d| [grey(d); 3]).collect()
    }

    /// The mean of the channels, clamped first and never rounded, so that depth is finer than 256 levels.
    pub fn decode(&self, rgb255: &[f32]) -> Vec<f32> {
        let metres = |rgb: &[f32]| {
            let mean = rgb.iter().map(|v| f64::from(v.clamp(0.0, 255.0))).sum::<f64>() / 3.0;
            (mean / 255.0 * (self.max - self.min) + self.min) as f32
        };
        rgb255.chunks_exact(3).map(metres).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_middle_and_outside() {
        let range = Range::new(0.0, 10.0).unwrap();
        assert_eq!(
            range.encode(&[0.0, 10.0, 5.0, -1.0, 99.0, f32::NAN]).chunks(3).map(|c| c[0]).collect::<Vec<_>>(),
            [0, 255, 128, 0, 255, 0]
        );
        assert_eq!(range.decode(&[0.0; 3]), [0.0]);
        assert_eq!(range.decode(&[255.0, 300.0, 255.0, -20.0, 255.0, 255.0]), [10.0, 20.0 / 3.0]);
    }

    #[test]
    fn a_depth_comes_back_within_half_a_level() {
        let range = Range::new(0.5, 80.0).unwrap();
        let depth: Vec<f32> = (0..200).map(|i| 0.5 + i as f32 * 0.39).collect();
        let drawn: Vec<f32> = range.encode(&depth).into_iter().map(f32::from).collect();
        for (a, b) in depth.iter().zip(range.decode(&drawn)) {
            assert!((a - b).abs() <= 79.5 / 255.0 / 2.0 + 1e-4);
        }
    }

    #[test]
    fn a_range_must_have_a_length() {
        for (min, max) in [(1.0, 1.0), (2.0, 1.0), (0.0, f64::INFINITY), (f64::NAN, 1.0)] {
            assert_eq!(Range::new(min, max).unwrap_err().kind(), Kind::Checkpoint);
        }
    }
}
