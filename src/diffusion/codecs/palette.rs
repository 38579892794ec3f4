//! The colours of classes: digits of the class number, spread over the colour cube.

use crate::base::{Error, Kind, Result};

/// All colours that bytes can tell apart.
const MOST: u32 = 1 << 24;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Palette {
    colours: Vec<[u8; 3]>,
}

impl Palette {
    /// Colour i is the three digits of i in the smallest base that can write `count` numbers, red the highest digit,
    /// times the step between levels. Colour 0 is black; white is never used.
    pub fn new(count: u32) -> Result<Palette> {
        if count == 0 || count > MOST {
            return Err(Error::new(Kind::Checkpoint, format!("a palette of {count} colours"))
                .why(format!("there can be 1 to {MOST}")));
        }
        let base = base(count);
        let margin = 256 / base;
        let digits = |i: u32| [i / (base * base), i / base % base, i % base].map(|d| (d * margin) as u8);
        Ok(Palette { colours: (0..count).map(digits).collect() })
    }

    pub fn colours(&self) -> &[[u8; 3]] {
        &self.colours
    }

    /// The entry nearest to a colour in squared distance, the lowest one among equals. A full search: rounding each
    /// channel alone would find digits that no entry has.
    pub fn nearest(&self, rgb255: &[f32]) -> u32 {
        let wanted = [0, 1, 2].map(|c| f64::from(rgb255[c].clamp(0.0, 255.0)));
        let (mut best, mut least) = (0, f64::INFINITY);
        for (i, colour) in self.colours.iter().enumerate() {
            let [r, g, b] = [0, 1, 2].map(|c| (wanted[c] - f64::from(colour[c])).powi(2));
            let distance = r + g + b;
            if distance < least {
                (best, least) = (i, distance);
            }
        }
        best as u32
    }

    /// The nearest entry of every pixel.
    pub fn decode(&self, rgb255: &[f32]) -> Vec<u32> {
        rgb255.chunks_exact(3).map(|pixel| self.nearest(pixel)).collect()
    }

    /// Draws entries; a number past the end is black.
    pub fn draw(&self, entries: impl IntoIterator<Item = u32>) -> Vec<u8> {
        let colour = |i: u32| self.colours.get(i as usize).copied().unwrap_or_default();
        entries.into_iter().flat_map(colour).collect()
    }
}

/// The smallest b with b^3 >= count, on integers: a cube root in floats is one too large at perfect cubes.
pub fn base(count: u32) -> u32 {
    (1..=256).find(|b| b * b * b >= count).unwrap_or(256)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(count: u32, i: usize) -> [u8; 3] {
        Palette::new(count).unwrap().colours()[i]
    }

    #[test]
    fn bases_are_exact_at_cubes() {
        for b in 1..=256u32 {
            assert_eq!(base(b * b * b), b);
            if b > 1 {
                assert_eq!(base(b * b * b - 1), b);
                assert_eq!(base((b - 1).pow(3) + 1), b);
            }
        }
    }

    #[test]
    fn the_documented_examples() {
        assert_eq!(at(150, 1), [0, 0, 42]);
        assert_eq!(at(150, 149), [168, 0, 210]);
        assert_eq!((at(2, 0), at(2, 1)), ([0, 0, 0], [0, 0, 128]));
        assert_eq!(at(1000, 999), [225, 225, 225]);
        assert_eq!(at(1, 0), [0, 0, 0]);
        assert!(Palette::new(0).is_err() && Palette::new(MOST + 1).is_err());
    }

    #[test]
    fn every_colour_is_its_own_and_found_again() {
        for count in [1, 2, 8, 9, 133, 150, 216, 1000] {
            let palette = Palette::new(count).unwrap();
            let drawn: Vec<f32> = palette.draw(0..count).into_iter().map(f32::from).collect();
            assert_eq!(palette.decode(&drawn), (0..count).collect::<Vec<_>>());
            assert!(!palette.colours().contains(&[255; 3]), "white is no class");
        }
    }

    #[test]
    fn ties_go_down_and_strange_values_are_clamped() {
        let palette = Palette::new(2).unwrap();
        assert_eq!(palette.decode(&[0.0, 0.0, 64.0, 0.0, 0.0, 64.1, -9.0, 0.0, 999.0]), [0, 1, 1]);
        assert_eq!(palette.nearest(&[f32::NAN; 3]), 0);
    }

    #[test]
    fn digits_that_no_class_has_are_not_invented() {
        // 150 classes of base 6: a red of 210 would be digit 5, but the highest red digit in use is 4.
        let class = Palette::new(150).unwrap().nearest(&[210.0, 0.0, 0.0]);
        assert_eq!(class, 144);
    }
}
