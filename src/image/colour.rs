//! What colour profiles say, and the one conversion that cannot be avoided: CMYK to sRGB.
//! Everything else passes through in the file's own space, tagged with the same profile when it is written.

use crate::base::{Error, Kind, Result};
use moxcms::{ColorProfile, DataColorSpace, Layout, RenderingIntent, Transform16BitExecutor, TransformOptions};
use std::sync::Arc;

/// The kind of samples a profile describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    Gray,
    Rgb,
    Cmyk,
    Other,
}

/// Read from the profile's header alone; None if it is too short or lacks the signature of a profile.
pub fn space(icc: &[u8]) -> Option<Space> {
    if icc.get(36..40)? != b"acsp" {
        return None;
    }
    Some(match icc.get(16..20)? {
        b"GRAY" => Space::Gray,
        b"RGB " => Space::Rgb,
        b"CMYK" => Space::Cmyk,
        _ => Space::Other,
    })
}

/// Whether a profile means sRGB, judged by what it does to colours and not by its name: no sample of a grid moves by
/// more than two 8-bit levels.
pub fn is_srgb(icc: &[u8]) -> bool {
    let Ok(profile) = ColorProfile::new_from_slice(icc) else { return false };
    if profile.color_space != DataColorSpace::Rgb {
        return false;
    }
    let srgb = ColorProfile::new_srgb();
    let options = TransformOptions { rendering_intent: RenderingIntent::RelativeColorimetric, ..Default::default() };
    let Ok(transform) = profile.create_transform_8bit(Layout::Rgb, &srgb, Layout::Rgb, options) else { return false };
    let level = |i: u32| (i * 51) as u8;
    let grid: Vec<u8> = (0..216).flat_map(|i| [level(i / 36), level(i / 6 % 6), level(i % 6)]).collect();
    let mut out = vec![0; grid.len()];
    transform.transform(&grid, &mut out).is_ok() && grid.iter().zip(&out).all(|(a, b)| a.abs_diff(*b) <= 2)
}

/// Turns CMYK samples (0 = no ink, 65535 = full ink) into sRGB.
pub struct Cmyk {
    transform: Option<Arc<Transform16BitExecutor>>,
}

impl Cmyk {
    /// Through the embedded profile if there is one that works; the text says what was done.
    pub fn new(icc: Option<&[u8]>) -> (Self, String) {
        let through = |icc: &[u8]| {
            let profile = ColorProfile::new_from_slice(icc).ok()?;
            if profile.color_space != DataColorSpace::Cmyk {
                return None;
            }
            let options = TransformOptions { rendering_intent: profile.rendering_intent, ..Default::default() };
            profile.create_transform_16bit(Layout::Rgba, &ColorProfile::new_srgb(), Layout::Rgb, options).ok()
        };
        let transform = icc.and_then(through);
        let text = match (&transform, icc) {
            (Some(_), _) => "CMYK was converted to sRGB through its embedded profile",
            (None, Some(_)) => "CMYK was converted to sRGB plainly, because its embedded profile cannot be used",
            (None, None) => "CMYK was converted to sRGB plainly, because it has no profile: colours are approximate",
        };
        (Cmyk { transform }, text.to_string())
    }

    /// Converts whole pixels: four samples in, three out.
    pub fn convert(&self, inks: &[u16], rgb: &mut [u16]) -> Result<()> {
        if let Some(transform) = &self.transform {
            let failed = |e| Error::new(Kind::Image, "the CMYK profile failed").why(e);
            return transform.transform(inks, rgb).map_err(failed);
        }
        for (out, ink) in rgb.chunks_exact_mut(3).zip(inks.chunks_exact(4)) {
            let white = |v: u16| u64::from(u16::MAX - v);
            for (o, i) in out.iter_mut().zip(ink) {
                *o = ((white(*i) * white(ink[3]) + 32767) / 65535) as u16;
            }
        }
        Ok(())
    }
}

/// CMYK samples to sRGB a stretch at a time, and what was done in words.
pub(super) fn convert_inks<T: Copy>(
    inks: &[T],
    icc: Option<&[u8]>,
    wide: impl Fn(T) -> u16,
) -> Result<(Vec<u16>, String)> {
    let (cmyk, text) = Cmyk::new(icc);
    let mut out = vec![0; inks.len() / 4 * 3];
    let mut stretch = Vec::new();
    for (inks, rgb) in inks.chunks(4 * 4096).zip(out.chunks_mut(3 * 4096)) {
        stretch.clear();
        stretch.extend(inks.iter().map(|v| wide(*v)));
        cmyk.convert(&stretch, rgb)?;
    }
    Ok((out, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn srgb_is_known_by_what_it_does() {
        let srgb = ColorProfile::new_srgb().encode().unwrap();
        let p3 = ColorProfile::new_display_p3().encode().unwrap();
        let gray = ColorProfile::new_gray_with_gamma(2.2).encode().unwrap();
        assert!(is_srgb(&srgb));
        assert!(!is_srgb(&p3) && !is_srgb(&gray) && !is_srgb(b"junk") && !is_srgb(&srgb[..200]));
        assert_eq!((space(&srgb), space(&gray), space(b"junk")), (Some(Space::Rgb), Some(Space::Gray), None));
    }

    #[test]
    fn plain_cmyk_multiplies() {
        let (cmyk, text) = Cmyk::new(None);
        assert!(text.contains("no profile"));
        let mut rgb = [0; 9];
        cmyk.convert(&[0, 0, 0, 0, 65535, 0, 0, 0, 0, 32768, 0, 32768], &mut rgb).unwrap();
        assert_eq!(rgb, [65535, 65535, 65535, 0, 65535, 65535, 32767, 16383, 32767]);
    }

    #[test]
    fn a_profile_of_another_space_is_not_used() {
        let p3 = ColorProfile::new_display_p3().encode().unwrap();
        assert!(Cmyk::new(Some(&p3)).1.contains("cannot be used"));
    }
}
