//! The published programs around the networks (`--protocol official`): what [`Protocol`] says, done to pictures. They
//! read 8-bit RGB (a 16-bit file by its upper byte), drop alpha and write 8-bit RGB.

use crate::base::{Error, Kind, Result};
use crate::image::resample::bilinear;
use crate::image::resample::{area, cubic};
use crate::image::{Depth, Picture, pad};
use crate::models::{Filter, Fit, Protocol};

/// Width and height at which the network sees a picture of `size`, padding aside.
pub fn fitted(size: (u32, u32), protocol: &Protocol) -> Result<(u32, u32)> {
    match protocol.fit {
        Fit::Own => Ok(size),
        Fit::Square(side, _) => Ok((side, side)),
        Fit::Centre(multiple) => {
            let whole = |v: u32| v / multiple * multiple;
            let (w, h) = (whole(size.0), whole(size.1));
            if w == 0 || h == 0 {
                return Err(Error::new(Kind::Usage, format!("nothing is left of a picture of {}x{}", size.0, size.1))
                    .why(format!("the published program cuts it to multiples of {multiple}"))
                    .advice("leave --protocol out: the default keeps the picture's own size"));
            }
            Ok((w, h))
        }
    }
}

/// The picture as the published program hands it to the network.
pub fn before(picture: &Picture, protocol: &Protocol) -> Result<Picture> {
    let (w, h) = fitted((picture.width, picture.height), protocol)?;
    let mut rgb = picture.rgb.clone();
    if picture.depth != Depth::Eight {
        let upper = |v: &mut f32| *v = ((*v * 65535.0).round() / 256.0).floor() / 255.0;
        rgb.iter_mut().for_each(upper);
    }
    let size = |v: u32| v as usize;
    let (from, to) = ((size(picture.width), size(picture.height)), (size(w), size(h)));
    let rgb = match protocol.fit {
        Fit::Own => rgb,
        Fit::Centre(_) => {
            let (x, y) = ((from.0 - to.0) / 2, (from.1 - to.1) / 2);
            pad::cut(&rgb, from.0, 3, [x, y, to.0, to.1])
        }
        Fit::Square(_, Filter::Bilinear) => bilinear(&rgb, 3, from, to),
        Fit::Square(_, Filter::CubicOrArea) if from.0 < to.0 || from.1 < to.1 => cubic(&rgb, 3, from, to),
        Fit::Square(_, Filter::CubicOrArea) => area(&rgb, 3, from, to),
    };
    Ok(Picture { width: w, height: h, rgb, alpha: None, depth: Depth::Eight, gray: false, ..picture.clone() })
}

/// What the user should know of the way from `picture` to `fitted`.
pub fn changes(picture: &Picture, fitted: &Picture) -> Vec<String> {
    let mut notes = Vec::new();
    if (picture.width, picture.height) != (fitted.width, fitted.height) {
        let Picture { width, height, .. } = fitted;
        notes.push(format!("the published program works on {width}x{height} pixels of this picture"));
    }
    if picture.alpha.is_some() {
        notes.push("the published program drops transparency".into());
    }
    if picture.depth == Depth::Sixteen {
        notes.push("the published program works on 8 bits".into());
    }
    notes
}

/// Makes the values bytes, as the published program stores them.
pub fn after(picture: &mut Picture, protocol: &Protocol) {
    let byte = |v: f32| {
        let v = v.clamp(0.0, 1.0) * 255.0;
        if protocol.truncate { v.floor() } else { (v + 0.5).floor() }
    };
    picture.rgb.iter_mut().for_each(|v| *v = byte(*v) / 255.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(w: u32, h: u32) -> Picture {
        Picture::from_rgb(w, h, (0..w * h * 3).map(|v| v as f32 / (w * h * 3) as f32).collect())
    }

    #[test]
    fn a_centred_window_loses_the_odd_pixel_at_the_far_side() {
        let protocol = Protocol { fit: Fit::Centre(16), ..Protocol::padded(1) };
        let (whole, cut) = (ramp(35, 18), before(&ramp(35, 18), &protocol).unwrap());
        assert_eq!((cut.width, cut.height), (32, 16));
        // Offsets are (35 % 16) / 2 and (18 % 16) / 2.
        assert_eq!(cut.rgb[..3], whole.rgb[(35 + 1) * 3..][..3]);
        assert_eq!(before(&ramp(15, 40), &protocol).unwrap_err().kind(), Kind::Usage);
    }

    #[test]
    fn squares_choose_their_filter_by_the_shorter_side() {
        let square = |filter| Protocol { fit: Fit::Square(8, filter), pad: 1, truncate: true };
        let small = ramp(20, 6);
        let cubed = before(&small, &square(Filter::CubicOrArea)).unwrap();
        assert_eq!(cubed.rgb, cubic(&small.rgb, 3, (20, 6), (8, 8)));
        let large = ramp(20, 8);
        let mean = before(&large, &square(Filter::CubicOrArea)).unwrap();
        assert_eq!(mean.rgb, area(&large.rgb, 3, (20, 8), (8, 8)));
        assert_eq!((mean.width, mean.height), (8, 8));
    }

    #[test]
    fn bytes_are_rounded_or_truncated() {
        let values = vec![-0.5, 0.999 / 255.0, 1.5 / 255.0, 2.4 / 255.0, 1.0, 7.0];
        let run = |truncate| {
            let mut p = Picture::from_rgb(2, 1, values.clone());
            after(&mut p, &Protocol { truncate, ..Protocol::padded(1) });
            p.rgb.iter().map(|v| (v * 255.0).round() as u32).collect::<Vec<_>>()
        };
        assert_eq!(run(true), [0, 0, 1, 2, 255, 255]);
        assert_eq!(run(false), [0, 1, 2, 2, 255, 255]);
    }

    #[test]
    fn sixteen_bits_lose_the_lower_byte_and_alpha_goes() {
        let mut deep = Picture::from_rgb(1, 1, vec![0x12ff as f32 / 65535.0, 1.0, 0.0]);
        (deep.depth, deep.alpha) = (Depth::Sixteen, Some(vec![0.5]));
        let out = before(&deep, &Protocol::padded(8)).unwrap();
        assert_eq!((out.rgb, out.alpha, out.depth), (vec![0x12 as f32 / 255.0, 1.0, 0.0], None, Depth::Eight));
    }
}
