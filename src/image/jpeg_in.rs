//! JPEG: refuses cut files, which decoders quietly fill with grey, and reads CMYK through its profile.

use super::colour::convert_inks;
use super::decode::{Limits, broken, explain, finish, judge, meta, read};
use super::header::survey_jpeg;
use super::picture::{Meta, Picture};
use super::raster::{Raster, Samples};
use crate::base::Result;
use image::ImageDecoder;
use image::codecs::jpeg::JpegDecoder;
use std::io::Cursor;

pub(super) fn jpeg(bytes: &[u8], name: &str, limits: &Limits) -> Result<Picture> {
    let survey = survey_jpeg(bytes);
    judge(&survey, name, limits)?;
    let iptc = (!survey.iptc.is_empty()).then_some(survey.iptc);
    let mut decoder = JpegDecoder::new(Cursor::new(bytes)).map_err(|e| explain(name, e))?;
    let (width, height) = decoder.dimensions();
    // Progressive files keep 16-bit coefficients of every component beside the samples.
    limits.check(name, width, height, 3 * 3)?;
    let Some(inks) = jpeg_inks(bytes, name, limits, survey.adobe)? else {
        let mut picture = read(decoder, name, limits, survey.remarks)?;
        picture.meta.iptc = iptc;
        return Ok(picture);
    };
    // The decoder above would call these samples RGB and hand out the CMYK profile with them.
    let icc = decoder.icc_profile().ok().flatten();
    let meta = Meta { iptc, ..meta(&mut decoder, None) };
    let (samples, text) = convert_inks(&inks, icc.as_deref(), |v| u16::from(v) * 257)?;
    let samples = Samples::U8(samples.iter().map(|v| ((u32::from(*v) + 128) / 257) as u8).collect());
    let raster = Raster { width, height, channels: 3, samples, premultiplied: false };
    Ok(finish(raster, meta, vec![text]))
}

/// The inks of a four-component JPEG, 0 = none; None for any other JPEG.
fn jpeg_inks(bytes: &[u8], name: &str, limits: &Limits, inverted: bool) -> Result<Option<Vec<u8>>> {
    use zune_jpeg::JpegDecoder;
    use zune_jpeg::zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};
    let options = DecoderOptions::default().set_strict_mode(false).set_max_width(65535).set_max_height(65535);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|e| broken(name, e))?;
    let space = match decoder.input_colorspace() {
        Some(space @ (ColorSpace::CMYK | ColorSpace::YCCK)) => space,
        _ => return Ok(None),
    };
    let (width, height) = decoder.dimensions().unwrap_or_default();
    // Coefficients and inks, then inks, their conversion to 16 bits and back.
    limits.check(name, width as u32, height as u32, 4 * 2 + 4 + 6 + 3)?;
    // Asked for its own space, the decoder delivers the four planes as they are.
    decoder.set_options(options.jpeg_set_out_colorspace(space));
    let mut inks = decoder.decode().map_err(|e| broken(name, e))?;
    if inks.len() != width * height * 4 {
        return Err(broken(name, "it does not hold four components for each pixel"));
    }
    if space == ColorSpace::YCCK {
        inks.chunks_exact_mut(4).for_each(unmix);
    }
    if inverted {
        inks.iter_mut().for_each(|v| *v = 255 - *v);
    }
    Ok(Some(inks))
}

/// YCC to CMY, the complement of RGB; the fourth component is ink already.
fn unmix(pixel: &mut [u8]) {
    let [y, cb, cr] = [f32::from(pixel[0]), f32::from(pixel[1]) - 128.0, f32::from(pixel[2]) - 128.0];
    let rgb = [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb];
    pixel.iter_mut().zip(rgb).for_each(|(p, v)| *p = 255 - v.round().clamp(0.0, 255.0) as u8);
}

#[cfg(test)]
mod tests {
    use super::super::decode::decode_bytes;
    use super::*;

    fn segment(marker: u8, body: &[u8]) -> Vec<u8> {
        [&[0xff, marker], &(body.len() as u16 + 2).to_be_bytes()[..], body].concat()
    }

    /// A JPEG of one 8x8 block with four flat components. The quantiser is 8, so the DC coefficient is `v - 128`.
    fn flat(values: [u8; 4], adobe: Option<u8>, icc: Option<&[u8]>) -> Vec<u8> {
        let mut out = vec![0xff, 0xd8];
        if let Some(transform) = adobe {
            out.extend(segment(0xee, &[b"Adobe".as_slice(), &[0, 100, 0, 0, 0, 0, transform]].concat()));
        }
        if let Some(icc) = icc {
            out.extend(segment(0xe2, &[b"ICC_PROFILE\0\x01\x01", icc].concat()));
        }
        out.extend(segment(0xdb, &[[0].as_slice(), &[8; 64]].concat()));
        let components: Vec<u8> = (1..=4).flat_map(|id| [id, 0x11, 0]).collect();
        out.extend(segment(0xc0, &[&[8, 0, 8, 0, 8, 4], &components[..]].concat()));
        // DC: nine codes of four bits for the categories 0 to 8. AC: one code of one bit, the end of the block.
        out.extend(segment(0xc4, &[&[0, 0, 0, 0, 9], &[0; 12][..], &[0, 1, 2, 3, 4, 5, 6, 7, 8]].concat()));
        out.extend(segment(0xc4, &[&[0x10, 1], &[0; 15][..], &[0]].concat()));
        let order: Vec<u8> = (1..=4).flat_map(|id| [id, 0]).collect();
        out.extend(segment(0xda, &[&[4], &order[..], &[0, 63, 0]].concat()));
        let mut bits = String::new();
        for v in values {
            let dc = i32::from(v) - 128;
            let category = (32 - dc.unsigned_abs().leading_zeros()) as usize;
            let code = if dc < 0 { dc + (1 << category) - 1 } else { dc };
            bits += &format!("{category:04b}");
            if category > 0 {
                bits += &format!("{code:0category$b}");
            }
            bits += "0";
        }
        for byte in bits.as_bytes().chunks(8) {
            let text = format!("{:1<8}", String::from_utf8_lossy(byte));
            let value = u8::from_str_radix(&text, 2).unwrap();
            out.push(value);
            out.extend((value == 0xff).then_some(0));
        }
        out.extend([0xff, 0xd9]);
        out
    }

    /// A CMYK profile that looks at black alone: lightness 100 without it, 0 with it.
    fn black_only() -> Vec<u8> {
        let mut lut = b"mft1\0\0\0\0\x04\x03\x02\0".to_vec();
        for i in 0..9 {
            lut.extend((if i % 4 == 0 { 65536_u32 } else { 0 }).to_be_bytes());
        }
        let straight = || (0..=255_u8).collect::<Vec<u8>>();
        (0..4).for_each(|_| lut.extend(straight()));
        (0..16).for_each(|node| lut.extend(if node % 2 == 0 { [255, 128, 128] } else { [0, 128, 128] }));
        (0..3).for_each(|_| lut.extend(straight()));
        let mut icc = vec![0; 128];
        icc[8..12].copy_from_slice(&[2, 0x20, 0, 0]);
        icc[12..24].copy_from_slice(b"prtrCMYKLab ");
        icc[36..40].copy_from_slice(b"acsp");
        icc[68..80].copy_from_slice(&[0, 0, 0xf6, 0xd6, 0, 1, 0, 0, 0, 0, 0xd3, 0x2d]);
        icc.extend(
            [&[0, 0, 0, 1], b"A2B0".as_slice(), &144_u32.to_be_bytes(), &(lut.len() as u32).to_be_bytes()].concat(),
        );
        icc.extend(lut);
        let length = (icc.len() as u32).to_be_bytes();
        icc[..4].copy_from_slice(&length);
        icc
    }

    fn first(bytes: &[u8]) -> ([i32; 3], Picture) {
        let picture = decode_bytes(bytes, "x.jpg", &Limits::default()).unwrap();
        assert_eq!((picture.width, picture.height, picture.gray), (8, 8, false));
        ([0, 1, 2].map(|c| (picture.rgb[c] * 255.0).round() as i32), picture)
    }

    #[test]
    fn cmyk_without_profile_is_converted_plainly() {
        // Adobe stores 255 - ink: full cyan over a little black.
        let (rgb, picture) = first(&flat([0, 255, 255, 204], Some(0), None));
        assert_eq!(rgb, [0, 204, 204]);
        assert!(picture.meta.icc.is_none() && picture.warnings[0].contains("no profile"));
        // Without the Adobe segment the samples are inks.
        assert_eq!(first(&flat([255, 0, 0, 51], None, None)).0, [0, 204, 204]);
    }

    #[test]
    fn ycck_is_unmixed_first() {
        // The luma and chroma of RGB (200, 100, 50) mean complements: stored inks 55, 155, 205, that is no ink 255.
        let (rgb, _) = first(&flat([124, 86, 182, 255], Some(2), None));
        let expected = [55, 155, 205];
        assert!(rgb.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1), "{rgb:?}");
    }

    #[test]
    fn cmyk_goes_through_its_profile() {
        let icc = black_only();
        let (rgb, picture) = first(&flat([0, 255, 255, 255], Some(0), Some(&icc)));
        assert!(rgb.iter().all(|v| *v >= 253), "cyan is white to this profile: {rgb:?}");
        assert!(picture.warnings[0].contains("through its embedded profile"), "{:?}", picture.warnings);
        assert_eq!(picture.meta.icc, None, "the CMYK profile does not stay with RGB pixels");
        let (rgb, _) = first(&flat([0, 255, 255, 0], Some(0), Some(&icc)));
        assert!(rgb.iter().all(|v| *v <= 2), "{rgb:?}");
    }

    #[test]
    fn a_cut_file_is_refused() {
        let whole = flat([0, 255, 255, 204], Some(0), None);
        for end in 3..whole.len() {
            let error = decode_bytes(&whole[..end], "x.jpg", &Limits::default()).unwrap_err();
            assert!(error.to_string().contains("the file ends after"), "{end}: {error}");
        }
    }
}
