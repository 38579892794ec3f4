//! TIFF: the container with the most kinds of samples, read with the decoder the image crate uses, one floor lower,
//! because that crate refuses grey floats and grey with alpha and converts CMYK without its profile.

use super::colour::convert_inks;
use super::decode::{Limits, broken, settle, unsupported, usable_icc};
use super::ifd::Block;
use super::metadata;
use super::picture::{Meta, Picture};
use super::raster::{Raster, Samples};
use crate::base::{Error, Kind, Result};
use image::metadata::Orientation;
use std::io::Cursor;
use tiff::decoder::{Decoder, DecodingResult};
use tiff::tags::Tag;
use tiff::{ColorType, TiffError};

const XMP: Tag = Tag::Unknown(700);
const RESOURCES: Tag = Tag::Unknown(34377);
const IPTC: Tag = Tag::Unknown(33723);

fn explain(name: &str, e: TiffError) -> Error {
    match e {
        TiffError::LimitsExceeded => Error::new(Kind::TooLarge, format!("{name} is too large")).why(e),
        TiffError::UnsupportedError(e) => unsupported(name, e),
        e => broken(name, e),
    }
}

pub(super) fn tiff(bytes: &[u8], name: &str, limits: &Limits) -> Result<Picture> {
    // The decoder compares the size with the strips first, and would call a file damaged that is too large above all.
    if let Some((width, height)) = claimed_size(bytes) {
        limits.check(name, width, height, 1)?;
    }
    let mut decoder = Decoder::new(Cursor::new(bytes)).map_err(|e| explain(name, e))?;
    let (width, height) = decoder.dimensions().map_err(|e| explain(name, e))?;
    let kind = decoder.colortype().map_err(|e| explain(name, e))?;
    let (channels, bits) = match kind {
        ColorType::Gray(bits) => (1, bits),
        ColorType::GrayA(bits) | ColorType::Multiband { bit_depth: bits, num_samples: 2 } => (2, bits),
        ColorType::RGB(bits) => (3, bits),
        ColorType::RGBA(bits) | ColorType::CMYK(bits) => (4, bits),
        other => return Err(unsupported(name, format!("TIFF with samples of the kind {other:?}"))),
    };
    // CMYK is converted beside its inks.
    let extra = if matches!(kind, ColorType::CMYK(_)) { 6 } else { 0 };
    // Rows of small samples are unpacked; planes are brought together; both beside the decoded ones.
    limits.check(name, width, height, u64::from(bits).div_ceil(8) * channels as u64 * 2 + extra)?;
    let mut bounds = tiff::decoder::Limits::default();
    bounds.decoding_buffer_size = usize::try_from(limits.max_bytes).unwrap_or(usize::MAX);
    bounds.intermediate_buffer_size = bounds.decoding_buffer_size;
    bounds.ifd_value_size = bounds.decoding_buffer_size.min(64 << 20);
    let mut decoder = decoder.with_limits(bounds);

    let mut warnings = Vec::new();
    let icc = decoder.get_tag_u8_vec(Tag::IccProfile).ok();
    let xmp = decoder.get_tag_u8_vec(XMP).ok();
    let iptc = resources(&mut decoder);
    let turned = decoder.find_tag_unsigned::<u8>(Tag::Orientation).ok().flatten().and_then(Orientation::from_exif);
    let alpha = decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples).ok().flatten().unwrap_or_default();
    let (exif, note) = metadata::exif_from_tiff(bytes);
    if note {
        warnings.push("the camera's maker notes are not kept: they cannot leave a TIFF file".into());
    }
    if decoder.more_images() {
        warnings.push("the file holds several pictures: only the first is read".into());
    }

    let stored = decoder.find_tag_unsigned::<u16>(Tag::SamplesPerPixel).ok().flatten().map_or(channels, usize::from);
    if stored > channels {
        let more = stored - channels;
        warnings
            .push(format!("{more} of {stored} samples of each pixel not kept: the file does not say what they are"));
    }

    let mut decoded = DecodingResult::U8(Vec::new());
    let layout = decoder.read_image_to_buffer(&mut decoded).map_err(|e| explain(name, e))?;
    let shape = Shape { width: width as usize, height: height as usize, channels, planes: layout.planes };
    let wrong = || broken(name, "its pixel data does not match its size");
    let mut samples = match decoded {
        DecodingResult::U8(v) if bits < 8 => Samples::U8(shape.unpack(&v, bits).ok_or_else(wrong)?),
        DecodingResult::U8(v) => Samples::U8(shape.interleave(v).ok_or_else(wrong)?),
        DecodingResult::U16(v) if bits == 16 => Samples::U16(shape.interleave(v).ok_or_else(wrong)?),
        DecodingResult::F32(v) => Samples::F32(shape.interleave(v).ok_or_else(wrong)?),
        DecodingResult::F16(v) => {
            let v = v.iter().map(|s| s.to_f32()).collect();
            Samples::F32(shape.interleave(v).ok_or_else(wrong)?)
        }
        DecodingResult::F64(v) => {
            let v = v.iter().map(|s| *s as f32).collect();
            Samples::F32(shape.interleave(v).ok_or_else(wrong)?)
        }
        _ => return Err(unsupported(name, format!("TIFF with {bits}-bit integer samples"))),
    };

    let mut raster_channels = channels;
    let icc = if let ColorType::CMYK(_) = kind {
        let (rgb, text) = match &samples {
            Samples::U8(v) => convert_inks(v, icc.as_deref(), |s| u16::from(s) * 257)?,
            Samples::U16(v) => convert_inks(v, icc.as_deref(), |s| s)?,
            Samples::F32(_) => return Err(unsupported(name, "TIFF with floating point inks")),
        };
        warnings.push(text);
        samples = match samples {
            Samples::U8(_) => Samples::U8(rgb.iter().map(|v| ((u32::from(*v) + 128) / 257) as u8).collect()),
            _ => Samples::U16(rgb),
        };
        raster_channels = 3;
        None
    } else {
        usable_icc(icc, channels < 3, &mut warnings)
    };
    // 1 is alpha that the colour was multiplied by.
    let premultiplied = raster_channels % 2 == 0 && alpha.first() == Some(&1);
    let raster = Raster { width, height, channels: raster_channels, samples, premultiplied };
    let meta = Meta { icc, exif, xmp, iptc };
    Ok(settle(raster.into_picture(turned.unwrap_or(Orientation::NoTransforms), meta, warnings)))
}

/// The image resources; a record that stands alone becomes one.
fn resources(decoder: &mut Decoder<Cursor<&[u8]>>) -> Option<Vec<u8>> {
    if let Ok(all) = decoder.get_tag_u8_vec(RESOURCES) {
        return Some(all);
    }
    let record = decoder.get_tag_u8_vec(IPTC).ok()?;
    let mut out = [b"8BIM\x04\x04\0\0", &(record.len() as u32).to_be_bytes()[..], &record].concat();
    out.resize(out.len().next_multiple_of(2), 0);
    Some(out)
}

/// The size in the first directory of a classic TIFF.
fn claimed_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let block = Block::new(bytes)?;
    let (entries, _) = block.entries(block.first()?)?;
    let number = |tag| entries.iter().find(|e| e.tag == tag).and_then(|e| block.number(e));
    Some((number(0x0100)?, number(0x0101)?))
}

struct Shape {
    width: usize,
    height: usize,
    channels: usize,
    planes: usize,
}

impl Shape {
    /// Brings planes together, pixel by pixel. None if there are not as many samples as there must be.
    fn interleave<T: Copy>(&self, samples: Vec<T>) -> Option<Vec<T>> {
        let pixels = self.width * self.height;
        if samples.len() < pixels * self.channels {
            return None;
        }
        if self.planes <= 1 {
            let mut samples = samples;
            samples.truncate(pixels * self.channels);
            return Some(samples);
        }
        Some((0..pixels * self.channels).map(|i| samples[i % self.channels * pixels + i / self.channels]).collect())
    }

    /// Widens samples of less than a byte; rows begin at a byte.
    fn unpack(&self, packed: &[u8], bits: u8) -> Option<Vec<u8>> {
        let (bits, row) = (usize::from(bits), self.width * self.channels);
        let stride = (row * bits).div_ceil(8);
        if self.planes > 1 || !matches!(bits, 1 | 2 | 4) || packed.len() < stride * self.height {
            return None;
        }
        let top = (1_u8 << bits) - 1;
        let sample = |line: &[u8], i: usize| (line[i * bits / 8] >> (8 - bits - i * bits % 8)) & top;
        let lines = packed.chunks_exact(stride).take(self.height);
        Some(lines.flat_map(|line| (0..row).map(move |i| sample(line, i) * (255 / top))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_are_interleaved() {
        let shape = Shape { width: 2, height: 1, channels: 3, planes: 3 };
        assert_eq!(shape.interleave(vec![1, 2, 3, 4, 5, 6]), Some(vec![1, 3, 5, 2, 4, 6]));
        assert_eq!(shape.interleave(vec![1, 2, 3]), None);
    }

    #[test]
    fn small_samples_are_widened() {
        let shape = Shape { width: 3, height: 2, channels: 1, planes: 1 };
        assert_eq!(shape.unpack(&[0b1010_0000, 0b0110_0000], 1), Some(vec![255, 0, 255, 0, 255, 255]));
        assert_eq!(shape.unpack(&[0x0f, 0x80, 0x12, 0x30], 4), Some(vec![0, 255, 136, 17, 34, 51]));
        assert_eq!(shape.unpack(&[0], 1), None);
    }
}
