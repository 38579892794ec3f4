//! Files to pictures: PNG, JPEG, TIFF and WebP, recognised by content, under limits that are checked before anything
//! is allocated.

use super::colour::{self, Space};
use super::header::{Container, Sniff, Survey, sniff, survey_png};
use super::jpeg_in;
use super::metadata;
use super::picture::{Meta, Picture};
use super::raster::{Raster, Samples};
use super::tiff_in;
use crate::base::{Error, Kind, Result, caught};
use image::codecs::{png::PngDecoder, webp::WebPDecoder};
use image::{ColorType, ImageDecoder, ImageError};
use std::io::{Cursor, Read};
use std::path::Path;

/// What a picture may cost. `max_bytes` bounds the file, and the decoded samples together with the picture made of
/// them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub max_pixels: u64,
    pub max_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { max_pixels: 300_000_000, max_bytes: 8 << 30 }
    }
}

impl Limits {
    /// Refuses a size, given the bytes a decoder needs for each pixel.
    pub(super) fn check(&self, name: &str, width: u32, height: u32, sample_bytes: u64) -> Result<()> {
        let pixels = u64::from(width) * u64::from(height);
        let large = |why: String| {
            let advice = "cut or shrink the picture first (a program that embeds vernis can raise `Limits`)";
            Err(Error::new(Kind::TooLarge, format!("{name} is too large")).why(why).advice(advice))
        };
        if pixels == 0 {
            return Err(broken(name, format!("its size is {width} x {height}")));
        }
        if pixels > self.max_pixels {
            return large(format!(
                "its header says {width} x {height}, {} megapixels, and the limit is {}",
                pixels.div_ceil(1_000_000),
                self.max_pixels / 1_000_000
            ));
        }
        // Four floats: three of colour, one of alpha.
        let bytes = pixels.saturating_mul(sample_bytes + 16);
        if bytes > self.max_bytes {
            return large(format!(
                "{width} x {height} needs {} MiB, and the limit is {}",
                bytes >> 20,
                self.max_bytes >> 20
            ));
        }
        Ok(())
    }
}

/// Bytes that tell what a file is.
const SNIFFED: u64 = 1024;

/// Extensions of the files that directories are searched for.
pub const EXTENSIONS: [&str; 6] = ["png", "jpg", "jpeg", "tif", "tiff", "webp"];

/// Reads a picture from a file: PNG, JPEG, TIFF or WebP by its bytes, whatever its name.
///
/// # Errors
/// [`Kind::Image`] for a file that is missing, damaged or of another kind, [`Kind::TooLarge`] for one past the limits.
pub fn decode_file(path: impl AsRef<Path>, limits: &Limits) -> Result<Picture> {
    let path = path.as_ref();
    let name = path.display().to_string();
    let cannot = |e: std::io::Error| {
        let error = Error::new(Kind::Image, format!("cannot read {name}"));
        match e.kind() {
            std::io::ErrorKind::NotFound => error.why("there is no such file").advice("check the path"),
            _ => error.why(e),
        }
    };
    let about = std::fs::metadata(path).map_err(cannot)?;
    if about.is_dir() {
        let error = Error::new(Kind::Image, format!("cannot read {name}"));
        return Err(error.why("it is a directory").advice("name a picture file"));
    }
    let file = std::fs::File::open(path).map_err(cannot)?;
    if about.len() > limits.max_bytes {
        return Err(too_long(&name, limits));
    }
    decode_stream(file, &name, limits)
}

/// Reads a picture from a stream, which may have no end: what does not begin like a picture is refused by its first
/// bytes, and the limit also holds while reading. `name` is what errors call it.
///
/// # Errors
/// Those of [`decode_file`].
pub fn decode_stream(stream: impl Read, name: &str, limits: &Limits) -> Result<Picture> {
    let cannot = |e| Error::new(Kind::Image, format!("cannot read {name}")).why(e);
    let mut stream = stream.take(limits.max_bytes.saturating_add(1));
    let mut bytes = Vec::new();
    stream.by_ref().take(SNIFFED).read_to_end(&mut bytes).map_err(cannot)?;
    container(&bytes, name)?;
    stream.read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > limits.max_bytes {
        return Err(too_long(name, limits));
    }
    decode_bytes(&bytes, name, limits)
}

fn too_long(name: &str, limits: &Limits) -> Error {
    let why = format!("the file has more than {} MiB", limits.max_bytes >> 20);
    Error::new(Kind::TooLarge, format!("{name} is too large")).why(why)
}

/// Reads a picture from the bytes of a file. `name` is what errors call it.
///
/// # Errors
/// Those of [`decode_file`].
pub fn decode_bytes(bytes: &[u8], name: &str, limits: &Limits) -> Result<Picture> {
    let container = container(bytes, name)?;
    // The decoders may panic on damaged input; that is an error like any other.
    caught(|| match container {
        Container::Png => png(bytes, name, limits),
        Container::Jpeg => jpeg_in::jpeg(bytes, name, limits),
        Container::WebP => webp(bytes, name, limits),
        Container::Tiff => tiff_in::tiff(bytes, name, limits),
    })
    .unwrap_or_else(|| Err(broken(name, "the decoder gave up on it")))
}

/// What kind of picture a file is, by its first bytes.
fn container(bytes: &[u8], name: &str) -> Result<Container> {
    let refuse = |why: String| {
        let advice = "vernis reads PNG, JPEG, TIFF and WebP";
        Err(Error::new(Kind::Image, format!("cannot read {name}")).why(why).advice(advice))
    };
    match sniff(bytes) {
        Sniff::Readable(container) => Ok(container),
        _ if bytes.is_empty() => {
            let error = Error::new(Kind::Image, format!("cannot read {name}"));
            Err(error.why("the file is empty (0 bytes)").advice("fetch or export it again"))
        }
        Sniff::Other(format) => refuse(format!("the format {format} is not supported")),
        Sniff::Text => refuse("it is a text file, not an image".into()),
        Sniff::Unknown => refuse("it is not an image of a known format".into()),
    }
}

/// The error for a file whose content is damaged.
pub(super) fn broken(name: &str, why: impl std::fmt::Display) -> Error {
    let advice = "fetch or export it again";
    Error::new(Kind::Image, format!("{name} is damaged")).why(why).advice(advice)
}

/// The error for a file that is whole but beyond us.
pub(super) fn unsupported(name: &str, why: impl std::fmt::Display) -> Error {
    let advice = "save it as an 8 or 16 bit PNG, JPEG, TIFF or WebP";
    Error::new(Kind::Image, format!("{name} is not supported")).why(why).advice(advice)
}

pub(super) fn explain(name: &str, e: ImageError) -> Error {
    match e {
        ImageError::Limits(e) => Error::new(Kind::TooLarge, format!("{name} is too large")).why(e),
        ImageError::Unsupported(e) => unsupported(name, e),
        e => broken(name, e),
    }
}

/// Checks what a survey found, size first: a claim of 60,000 x 60,000 is too large even where the pixels are missing.
pub(super) fn judge(survey: &Survey, name: &str, limits: &Limits) -> Result<()> {
    if let Some((width, height)) = survey.size {
        limits.check(name, width, height, 1)?;
    }
    survey.missing.as_ref().map_or(Ok(()), |why| Err(broken(name, why)))
}

fn png(bytes: &[u8], name: &str, limits: &Limits) -> Result<Picture> {
    let survey = survey_png(bytes);
    judge(&survey, name, limits)?;
    let mut bounds = image::Limits::no_limits();
    // This bounds what the decoder keeps beside the pixels: a row, and compressed profiles and texts.
    bounds.max_alloc = Some(limits.max_bytes.min(256 << 20));
    let decoder = PngDecoder::with_limits(Cursor::new(bytes), bounds).map_err(|e| explain(name, e))?;
    read(decoder, name, limits, survey.remarks)
}

fn webp(bytes: &[u8], name: &str, limits: &Limits) -> Result<Picture> {
    let decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(|e| explain(name, e))?;
    let remark = decoder.has_animation().then(|| "the picture is animated: only the first frame is read".to_string());
    read(decoder, name, limits, remark.into_iter().collect())
}

/// Decodes what the image crate describes.
pub(super) fn read(
    mut decoder: impl ImageDecoder,
    name: &str,
    limits: &Limits,
    mut warnings: Vec<String>,
) -> Result<Picture> {
    let (width, height) = decoder.dimensions();
    let kind = decoder.color_type();
    limits.check(name, width, height, u64::from(kind.bytes_per_pixel()))?;
    let gray = !kind.has_color();
    let icc = decoder.icc_profile().unwrap_or_default();
    let icc = usable_icc(icc, gray, &mut warnings);
    let meta = meta(&mut decoder, icc);
    let length = width as usize * height as usize * usize::from(kind.channel_count());
    let samples = match kind {
        ColorType::L16 | ColorType::La16 | ColorType::Rgb16 | ColorType::Rgba16 => {
            let mut v = vec![0_u16; length];
            decoder.read_image(bytemuck::cast_slice_mut(&mut v)).map_err(|e| explain(name, e))?;
            Samples::U16(v)
        }
        ColorType::L8 | ColorType::La8 | ColorType::Rgb8 | ColorType::Rgba8 => {
            let mut v = vec![0_u8; length];
            decoder.read_image(&mut v).map_err(|e| explain(name, e))?;
            Samples::U8(v)
        }
        other => return Err(unsupported(name, format!("samples of the kind {other:?}"))),
    };
    let channels = usize::from(kind.channel_count());
    Ok(finish(Raster { width, height, channels, samples, premultiplied: false }, meta, warnings))
}

/// A profile is only kept with the kind of samples it describes.
pub(super) fn usable_icc(icc: Option<Vec<u8>>, gray: bool, warnings: &mut Vec<String>) -> Option<Vec<u8>> {
    let icc = icc?;
    let found = colour::space(&icc);
    // Grey JPEGs and PNGs with an RGB profile exist, and readers take the profile's curve for them.
    let fits = matches!((found, gray), (Some(Space::Rgb), _) | (Some(Space::Gray), true));
    if !fits {
        warnings.push("the embedded colour profile does not fit the pixels and is left out".into());
    }
    fits.then_some(icc)
}

/// Damaged metadata does not keep a picture from being read.
pub(super) fn meta(decoder: &mut impl ImageDecoder, icc: Option<Vec<u8>>) -> Meta {
    let exif = decoder.exif_metadata().unwrap_or_default().and_then(metadata::clean_exif);
    Meta { icc, exif, xmp: decoder.xmp_metadata().unwrap_or_default(), iptc: None }
}

/// Turns the pixels upright once, and the metadata says so from here on.
pub(super) fn finish(raster: Raster, meta: Meta, warnings: Vec<String>) -> Picture {
    let orientation = meta.exif.as_deref().map_or(image::metadata::Orientation::NoTransforms, metadata::orientation);
    settle(raster.into_picture(orientation, meta, warnings))
}

/// Makes the metadata true for the picture as it is: upright, and of its present size.
pub fn settle(mut picture: Picture) -> Picture {
    let (width, height) = (picture.width, picture.height);
    if let Some(exif) = &mut picture.meta.exif {
        metadata::settle_exif(exif, width, height);
    }
    if let Some(xmp) = &mut picture.meta.xmp {
        metadata::settle_xmp(xmp);
    }
    picture
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endless_stream_is_refused_early() {
        let limits = Limits { max_bytes: 1 << 20, ..Limits::default() };
        let of = |begins: &'static [u8]| decode_stream(begins.chain(std::io::repeat(0)), "x", &limits).unwrap_err();
        assert_eq!(of(b"").kind(), Kind::Image, "its first bytes say that it is no picture");
        assert_eq!(of(b"\x89PNG\r\n\x1a\n").kind(), Kind::TooLarge);
        let nothing = decode_stream(&b""[..], "x", &limits).unwrap_err();
        assert!(nothing.to_string().contains("is empty"), "{nothing}");
    }
}
