//! A picture in memory, with everything its file said that must survive the restoration.

use crate::base::{Error, Kind, Result};

/// Samples in the file the picture came from, and by default in the file it goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Depth {
    Eight,
    Sixteen,
    /// 32 bits of floating point, 0 to 1.
    Float,
}

impl Depth {
    pub const fn bits(self) -> u32 {
        match self {
            Depth::Eight => 8,
            Depth::Sixteen => 16,
            Depth::Float => 32,
        }
    }
}

/// What travels beside the pixels, as the raw bytes of the container. `exif` starts at its TIFF header (`II` or `MM`),
/// its Orientation is already 1. `iptc` are the image resources (`8BIM`) of which the IPTC record is one, as a JPEG's APP13
/// and TIFF's tag 34377 hold them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meta {
    pub icc: Option<Vec<u8>>,
    pub exif: Option<Vec<u8>>,
    pub xmp: Option<Vec<u8>>,
    pub iptc: Option<Vec<u8>>,
}

/// Upright pixels. `rgb` holds width * height * 3 values in 0..1, `alpha` width * height, not premultiplied.
/// A grey picture has three equal channels and `gray` set, so that it is written as grey again.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    pub width: u32,
    pub height: u32,
    pub rgb: Vec<f32>,
    pub alpha: Option<Vec<f32>>,
    pub depth: Depth,
    pub gray: bool,
    pub meta: Meta,
    /// What could not be kept, in words for the user.
    pub warnings: Vec<String>,
}

impl Picture {
    /// An 8-bit colour picture without alpha or metadata.
    pub fn from_rgb(width: u32, height: u32, rgb: Vec<f32>) -> Self {
        Picture {
            width,
            height,
            rgb,
            alpha: None,
            depth: Depth::Eight,
            gray: false,
            meta: Meta::default(),
            warnings: Vec::new(),
        }
    }

    pub fn pixels(&self) -> usize {
        self.width as usize * self.height as usize
    }

    /// Whether this is a picture: pixels at all, as many values as its size needs, and every one a number.
    ///
    /// # Errors
    /// [`Kind::Image`] says what is wrong. Values outside 0..1 are none of it.
    pub fn check(&self) -> Result<()> {
        let no_number = |(name, values, _): (&str, &[f32], usize)| {
            let at = values.iter().position(|v| !v.is_finite())?;
            Some(format!("value {at} of {name} is {}", values[at]))
        };
        match self.misfit().or_else(|| self.planes().find_map(no_number)) {
            Some(why) => Err(Error::new(Kind::Image, format!("a picture of {}x{}", self.width, self.height)).why(why)),
            None => Ok(()),
        }
    }

    /// Why there are not as many values as the size asks for, if there are not.
    pub(super) fn misfit(&self) -> Option<String> {
        if self.pixels() == 0 {
            return Some("it has no pixels".into());
        }
        let (name, values, wanted) = self.planes().find(|(_, values, wanted)| values.len() != *wanted)?;
        Some(format!("it needs {wanted} values of {name} and has {}", values.len()))
    }

    /// Names, values, and how many of them there should be.
    fn planes(&self) -> impl Iterator<Item = (&'static str, &[f32], usize)> {
        let alpha = self.alpha.as_deref().map(|alpha| ("alpha", alpha, self.pixels()));
        [("rgb", &self.rgb[..], 3 * self.pixels())].into_iter().chain(alpha)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_picture_is_said() {
        let good = Picture { alpha: Some(vec![0.5; 6]), ..Picture::from_rgb(3, 2, vec![0.1; 18]) };
        assert!(good.check().is_ok());
        let why = |p: Picture| p.check().expect_err("no picture").to_string();
        assert!(why(Picture::from_rgb(0, 2, Vec::new())).contains("no pixels"));
        assert!(why(Picture::from_rgb(3, 2, vec![0.1; 17])).contains("18 values of rgb and has 17"));
        assert!(why(Picture { alpha: Some(vec![1.0; 7]), ..good.clone() }).contains("6 values of alpha and has 7"));
        let mut bent = good;
        bent.rgb[4] = f32::NAN;
        assert!(why(bent).contains("value 4 of rgb is NaN"));
    }
}
