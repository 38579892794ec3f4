//! A map laid over its photograph, so that people see what was found where.

use super::picture::Picture;
use crate::base::{Error, Kind, Result};

/// Mixes one colour a pixel (None: the photograph alone) into a picture of the same size. `regions`, where given, are
/// separated by white lines. The photograph keeps its metadata and transparency.
pub fn overlay(photo: &Picture, colours: &[Option<[u8; 3]>], regions: Option<&[u32]>, opacity: f32) -> Result<Picture> {
    let pixels = photo.pixels();
    if colours.len() != pixels || regions.is_some_and(|r| r.len() != pixels) || photo.rgb.len() != pixels * 3 {
        let what = format!("a map of {} pixels over a photograph of {} x {}", colours.len(), photo.width, photo.height);
        return Err(Error::new(Kind::Usage, what).why("both must have the same size"));
    }
    let opacity = if opacity.is_nan() { 0.0 } else { opacity.clamp(0.0, 1.0) };
    let mut out = Picture { gray: false, ..photo.clone() };
    let (width, height) = (photo.width as usize, photo.height as usize);
    for (i, pixel) in out.rgb.chunks_exact_mut(3).enumerate() {
        if let Some(colour) = colours[i] {
            for (v, c) in pixel.iter_mut().zip(colour) {
                *v += opacity * (f32::from(c) / 255.0 - *v);
            }
        }
        let Some(regions) = regions else { continue };
        let (x, y) = (i % width, i / width);
        let right = x + 1 < width && regions[i + 1] != regions[i];
        let below = y + 1 < height && regions[i + width] != regions[i];
        if right || below {
            pixel.iter_mut().for_each(|v| *v = 1.0);
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_mixed_where_there_are_any() {
        let photo = Picture { gray: true, ..Picture::from_rgb(2, 1, vec![0.5; 6]) };
        let out = overlay(&photo, &[Some([255, 0, 0]), None], None, 0.5).unwrap();
        assert_eq!(out.rgb, [0.75, 0.25, 0.25, 0.5, 0.5, 0.5]);
        assert!(!out.gray, "a grey photograph becomes a colour one");
        assert_eq!(overlay(&photo, &[Some([255; 3]); 2], None, 0.0).unwrap().rgb, photo.rgb);
    }

    #[test]
    fn regions_are_outlined_and_sizes_checked() {
        let photo = Picture::from_rgb(3, 2, vec![0.0; 18]);
        let out = overlay(&photo, &[None; 6], Some(&[1, 1, 2, 1, 1, 1]), 1.0).unwrap();
        let white: Vec<bool> = out.rgb.chunks(3).map(|p| p[0] == 1.0).collect();
        assert_eq!(white, [false, true, true, false, false, false]);
        assert!(overlay(&photo, &[None; 5], None, 1.0).is_err());
        assert!(overlay(&photo, &[None; 6], Some(&[0; 5]), 1.0).is_err());
    }
}
