//! Semantic segmentation: one colour a class.

use super::palette::Palette;
use crate::base::{Error, Kind, Result};

/// Pixels that training leaves out.
pub const IGNORE: i32 = -1;

/// Draws class numbers; [`IGNORE`] is drawn as class 0 (black).
pub fn encode(labels: &[i32], palette: &Palette) -> Result<Vec<u8>> {
    let classes = palette.colours().len();
    if let Some(bad) = labels.iter().find(|l| **l < IGNORE || **l as i64 >= classes as i64) {
        return Err(Error::new(Kind::Usage, format!("label {bad}")).why(format!("there are {classes} classes")));
    }
    Ok(palette.draw(labels.iter().map(|l| (*l).max(0) as u32)))
}

/// The class of every pixel: the nearest colour.
pub fn decode(rgb255: &[f32], palette: &Palette) -> Vec<i32> {
    palette.decode(rgb255).into_iter().map(|class| class as i32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_come_back_and_ignored_ones_are_black() {
        let palette = Palette::new(150).unwrap();
        let drawn = encode(&[0, 7, 149, IGNORE], &palette).unwrap();
        assert_eq!(drawn[9..], [0, 0, 0]);
        let seen: Vec<f32> = drawn.iter().map(|v| f32::from(*v) + 20.0).collect();
        assert_eq!(decode(&seen, &palette), [0, 7, 149, 0]);
        assert!(encode(&[150], &palette).unwrap_err().to_string().contains("150 classes"));
        assert!(encode(&[-2], &palette).is_err());
    }
}
