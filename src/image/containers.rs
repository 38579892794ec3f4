//! The three containers whose pixels a codec crate writes, each with the metadata it can hold.

use super::encode::{Format, Plain, Quantised, failed};
use super::header::RESOURCES;
use super::picture::Meta;
use crate::base::Result;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};

pub(super) fn png(plain: &Plain, meta: &Meta, warnings: &mut Vec<String>) -> Result<Vec<u8>> {
    let wrong = |e: png::EncodingError| failed(Format::Png, e);
    let mut info = png::Info::with_size(plain.width, plain.height);
    info.color_type = match (plain.gray, plain.alpha) {
        (true, false) => png::ColorType::Grayscale,
        (true, true) => png::ColorType::GrayscaleAlpha,
        (false, false) => png::ColorType::Rgb,
        (false, true) => png::ColorType::Rgba,
    };
    // 16-bit samples are big-endian here.
    let (depth, bytes) = match &plain.samples {
        Quantised::U8(v) => (png::BitDepth::Eight, std::borrow::Cow::Borrowed(&v[..])),
        Quantised::U16(v) => (png::BitDepth::Sixteen, v.iter().flat_map(|v| v.to_be_bytes()).collect()),
        Quantised::F32(_) => return Err(failed(Format::Png, "it holds integers only")),
    };
    info.bit_depth = depth;
    info.icc_profile = meta.icc.as_deref().map(Into::into);
    info.exif_metadata = meta.exif.as_deref().map(Into::into);
    let mut out = Vec::new();
    let mut encoder = png::Encoder::with_info(&mut out, info).map_err(wrong)?;
    encoder.set_compression(png::Compression::Balanced);
    match meta.xmp.as_deref().map(std::str::from_utf8) {
        Some(Ok(text)) => encoder.add_itxt_chunk("XML:com.adobe.xmp".into(), text.into()).map_err(wrong)?,
        Some(Err(_)) => warnings.push("the XMP packet is not UTF-8 and is left out".into()),
        None => {}
    }
    let mut writer = encoder.write_header().map_err(wrong)?;
    writer.write_image_data(&bytes).map_err(wrong)?;
    writer.finish().map_err(wrong)?;
    Ok(out)
}

/// The 8-bit samples, with the name the image crate has for them.
fn eight(plain: &Plain, format: Format) -> Result<&[u8]> {
    match &plain.samples {
        Quantised::U8(v) => Ok(v),
        Quantised::U16(_) | Quantised::F32(_) => Err(failed(format, "it holds 8 bits only")),
    }
}

/// The most a JPEG segment holds beside its two length bytes.
const SEGMENT: usize = 65533;

pub(super) fn jpeg(plain: &Plain, meta: Meta, quality: u8, warnings: &mut Vec<String>) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut out, quality.clamp(1, 100));
    // A longer block would wrap its length and ruin the file; JPEG splits profiles, but counts the parts in a byte.
    let mut fits = |name: &str, length: usize, limit: usize| {
        let fits = length <= limit;
        if !fits {
            warnings.push(format!("{name} of {length} bytes does not fit into a JPEG and is left out"));
        }
        fits
    };
    let refused = |e| failed(Format::Jpeg, e);
    if let Some(icc) = meta.icc.filter(|icc| fits("the colour profile", icc.len(), (SEGMENT - 14) * 255)) {
        encoder.set_icc_profile(icc).map_err(refused)?;
    }
    if let Some(exif) = meta.exif.filter(|exif| fits("the EXIF block", exif.len(), SEGMENT - 6)) {
        encoder.set_exif_metadata(exif).map_err(refused)?;
    }
    let kind = if plain.gray { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    let samples = eight(plain, Format::Jpeg)?;
    encoder.write_image(samples, plain.width, plain.height, kind).map_err(|e| failed(Format::Jpeg, e))?;
    const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
    if let Some(xmp) = meta.xmp.filter(|xmp| fits("the XMP packet", xmp.len(), SEGMENT - XMP.len())) {
        // Behind the first segment, which must stay the first: SOI, then marker and length of JFIF.
        let first = out.get(4..6).map_or(0, |b| usize::from(u16::from_be_bytes([b[0], b[1]])));
        let length = ((xmp.len() + XMP.len() + 2) as u16).to_be_bytes();
        let segment = [&[0xff, 0xe1], &length[..], XMP, &xmp].concat();
        out.splice(4 + first..4 + first, segment);
    }
    if let Some(iptc) = meta.iptc {
        // Behind SOI and the first segment too, in as many parts as it takes.
        let first = out.get(4..6).map_or(0, |b| usize::from(u16::from_be_bytes([b[0], b[1]])));
        let part = |part: &[u8]| {
            let length = ((part.len() + RESOURCES.len() + 2) as u16).to_be_bytes();
            [&[0xff, 0xed], &length[..], RESOURCES, part].concat()
        };
        let parts: Vec<u8> = iptc.chunks(SEGMENT - RESOURCES.len()).flat_map(part).collect();
        out.splice(4 + first..4 + first, parts);
    }
    Ok(out)
}

pub(super) fn webp(plain: &Plain, meta: Meta) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut encoder = image_webp::WebPEncoder::new(&mut out);
    meta.icc.into_iter().for_each(|icc| encoder.set_icc_profile(icc));
    meta.exif.into_iter().for_each(|exif| encoder.set_exif_metadata(exif));
    meta.xmp.into_iter().for_each(|xmp| encoder.set_xmp_metadata(xmp));
    let kind = match (plain.gray, plain.alpha) {
        (true, false) => image_webp::ColorType::L8,
        (true, true) => image_webp::ColorType::La8,
        (false, false) => image_webp::ColorType::Rgb8,
        (false, true) => image_webp::ColorType::Rgba8,
    };
    let samples = eight(plain, Format::WebP)?;
    encoder.encode(samples, plain.width, plain.height, kind).map_err(|e| failed(Format::WebP, e))?;
    Ok(out)
}
