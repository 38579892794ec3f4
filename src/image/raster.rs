//! Samples as a decoder delivers them, and their way into a [`Picture`].

use super::picture::{Depth, Meta, Picture};
use image::metadata::Orientation;

/// Interleaved samples of one to four channels: grey, grey and alpha, RGB, RGBA.
pub(super) struct Raster {
    pub width: u32,
    pub height: u32,
    pub channels: usize,
    pub samples: Samples,
    /// Colour was multiplied by alpha (TIFF knows this).
    pub premultiplied: bool,
}

pub(super) enum Samples {
    U8(Vec<u8>),
    U16(Vec<u16>),
    F32(Vec<f32>),
}

impl Raster {
    /// Turns the samples upright while they are widened, so that no second copy of the picture is made.
    pub fn into_picture(self, orientation: Orientation, meta: Meta, mut warnings: Vec<String>) -> Picture {
        let turned = Turn::new(self.width, self.height, orientation);
        let depth = match self.samples {
            Samples::U8(_) => Depth::Eight,
            Samples::U16(_) => Depth::Sixteen,
            Samples::F32(_) => Depth::Float,
        };
        let (rgb, alpha) = match &self.samples {
            Samples::U8(v) => self.spread(&turned, v, |s| f32::from(s) / 255.0),
            Samples::U16(v) => self.spread(&turned, v, |s| f32::from(s) / 65535.0),
            Samples::F32(v) => {
                let outside = v.iter().filter(|s| !(0.0..=1.0).contains(*s)).count();
                if outside > 0 {
                    warnings.push(format!("{outside} samples outside 0..1 were clamped"));
                }
                self.spread(&turned, v, |s| if s.is_nan() { 0.0 } else { s.clamp(0.0, 1.0) })
            }
        };
        let (width, height) = (turned.width, turned.height);
        Picture { width, height, rgb, alpha, depth, gray: self.channels < 3, meta, warnings }
    }

    fn spread<T: Copy>(&self, turn: &Turn, samples: &[T], value: impl Fn(T) -> f32) -> (Vec<f32>, Option<Vec<f32>>) {
        let pixels = turn.width as usize * turn.height as usize;
        let mut rgb = Vec::with_capacity(pixels * 3);
        let mut alpha = self.channels.is_multiple_of(2).then(|| Vec::with_capacity(pixels));
        for y in 0..turn.height as usize {
            for x in 0..turn.width as usize {
                let pixel = &samples[turn.source(x, y) * self.channels..][..self.channels];
                let opacity = if alpha.is_some() { value(pixel[self.channels - 1]) } else { 1.0 };
                let divide = self.premultiplied && opacity > 0.0;
                let colour = |c: usize| {
                    let v = value(pixel[c]);
                    if divide { (v / opacity).min(1.0) } else { v }
                };
                let gray = self.channels < 3;
                rgb.extend(if gray { [colour(0); 3] } else { [colour(0), colour(1), colour(2)] });
                if let Some(alpha) = &mut alpha {
                    alpha.push(opacity);
                }
            }
        }
        (rgb, alpha)
    }
}

/// Where each upright pixel lies in the stored picture: `origin + x * step_x + y * step_y`.
struct Turn {
    width: u32,
    height: u32,
    origin: isize,
    step_x: isize,
    step_y: isize,
}

impl Turn {
    fn new(width: u32, height: u32, orientation: Orientation) -> Self {
        let (w, h) = (width as isize, height as isize);
        let last = w * h - 1;
        // Stored index of the upright top left pixel, of one to its right, of one below.
        let (origin, step_x, step_y) = match orientation {
            Orientation::NoTransforms => (0, 1, w),
            Orientation::FlipHorizontal => (w - 1, -1, w),
            Orientation::Rotate180 => (last, -1, -w),
            Orientation::FlipVertical => (last - (w - 1), 1, -w),
            Orientation::Rotate90FlipH => (0, w, 1),
            Orientation::Rotate90 => (last - (w - 1), -w, 1),
            Orientation::Rotate270FlipH => (last, -w, -1),
            Orientation::Rotate270 => (w - 1, w, -1),
        };
        // EXIF numbers 5 to 8 are the ones that exchange the axes.
        let swapped = orientation.to_exif() > 4;
        let (width, height) = if swapped { (height, width) } else { (width, height) };
        Turn { width, height, origin, step_x, step_y }
    }

    fn source(&self, x: usize, y: usize) -> usize {
        (self.origin + x as isize * self.step_x + y as isize * self.step_y) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{DynamicImage, GrayImage};

    fn gray(width: u32, height: u32, samples: Samples) -> Raster {
        Raster { width, height, channels: 1, samples, premultiplied: false }
    }

    #[test]
    fn all_orientations_agree_with_the_image_crate() {
        for (w, h) in [(3, 2), (1, 4), (4, 1), (1, 1), (5, 5)] {
            let stored: Vec<u8> = (0..w * h).map(|v| v as u8).collect();
            for exif in 1..=8 {
                let orientation = Orientation::from_exif(exif).unwrap();
                let mut expected = DynamicImage::from(GrayImage::from_raw(w, h, stored.clone()).unwrap());
                expected.apply_orientation(orientation);
                let picture =
                    gray(w, h, Samples::U8(stored.clone())).into_picture(orientation, Meta::default(), vec![]);
                assert_eq!((picture.width, picture.height), (expected.width(), expected.height()), "{exif} {w}x{h}");
                let got: Vec<u8> = picture.rgb.iter().step_by(3).map(|v| (v * 255.0).round() as u8).collect();
                assert_eq!(got, expected.to_luma8().into_raw(), "orientation {exif} of {w}x{h}");
            }
        }
    }

    #[test]
    fn floats_are_clamped_and_said_so() {
        let samples = Samples::F32(vec![-0.5, 0.25, 2.0, f32::NAN]);
        let picture = gray(4, 1, samples).into_picture(Orientation::NoTransforms, Meta::default(), vec![]);
        assert_eq!(picture.rgb.iter().step_by(3).copied().collect::<Vec<f32>>(), [0.0, 0.25, 1.0, 0.0]);
        assert!(picture.warnings.iter().any(|w| w.starts_with("3 samples outside")), "{:?}", picture.warnings);
    }

    #[test]
    fn premultiplied_colour_is_divided_once() {
        let samples = Samples::U8(vec![64, 32, 0, 128, 9, 9, 9, 0]);
        let raster = Raster { width: 2, height: 1, channels: 4, samples, premultiplied: true };
        let picture = raster.into_picture(Orientation::NoTransforms, Meta::default(), vec![]);
        assert!((picture.rgb[0] - 0.5).abs() < 1e-6 && (picture.rgb[1] - 0.25).abs() < 1e-6);
        assert!((picture.rgb[3] - 9.0 / 255.0).abs() < 1e-6, "no division by zero opacity");
    }
}
