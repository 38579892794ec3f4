//! Pictures to the bytes of files. What a container cannot hold is left out with a warning, never silently.

use super::colour::{self, Space};
use super::picture::{Depth, Meta, Picture};
use super::{containers, tiff_out};
use crate::base::{Error, Kind, Result, caught};
use std::fmt::Display;
use std::path::Path;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    Png,
    Jpeg,
    Tiff,
    WebP,
}

impl Format {
    pub const fn name(self) -> &'static str {
        match self {
            Format::Png => "PNG",
            Format::Jpeg => "JPEG",
            Format::Tiff => "TIFF",
            Format::WebP => "WebP",
        }
    }

    /// The usual ending of a file name, without the dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Format::Png => "png",
            Format::Jpeg => "jpg",
            Format::Tiff => "tif",
            Format::WebP => "webp",
        }
    }

    /// By the ending of a file name, in any case.
    pub fn from_path(path: impl AsRef<Path>) -> Result<Format> {
        let path = path.as_ref();
        let ending = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
        let why = match ending.as_deref() {
            Some("png") => return Ok(Format::Png),
            Some("jpg" | "jpeg" | "jpe" | "jfif") => return Ok(Format::Jpeg),
            Some("tif" | "tiff") => return Ok(Format::Tiff),
            Some("webp") => return Ok(Format::WebP),
            Some(other) => format!("the ending .{other} names no format that can be written"),
            None => "its name has no ending that names a format".into(),
        };
        let error = Error::new(Kind::Usage, format!("cannot choose a format for {}", path.display()));
        Err(error.why(why).advice("use .png, .jpg, .tif or .webp"))
    }

    /// Pixels along the longer side that the container can count.
    const fn max_side(self) -> u32 {
        match self {
            Format::Png => i32::MAX as u32,
            Format::Jpeg => 65535,
            Format::Tiff => u32::MAX,
            Format::WebP => 16384,
        }
    }
}

/// What travels with the pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MetadataPolicy {
    #[default]
    Keep,
    /// Nothing, not even the profile.
    Strip,
    OnlyIcc,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodeOptions {
    /// 1 to 100, for JPEG only; colour is never subsampled.
    pub quality: u8,
    /// None keeps the depth of the picture where the container can.
    pub depth: Option<Depth>,
    pub metadata: MetadataPolicy,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        EncodeOptions { quality: 95, depth: None, metadata: MetadataPolicy::Keep }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    pub bytes: Vec<u8>,
    /// What could not be kept.
    pub warnings: Vec<String>,
}

/// Quantised pixels on their way into a container: one to four interleaved channels.
pub(super) struct Plain {
    pub width: u32,
    pub height: u32,
    pub gray: bool,
    pub alpha: bool,
    pub samples: Quantised,
}

pub(super) enum Quantised {
    U8(Vec<u8>),
    U16(Vec<u16>),
    F32(Vec<f32>),
}

/// The bytes of a file that holds `picture`; what it cannot hold is among the warnings.
///
/// # Errors
/// [`Kind::Output`] for a picture that the format or its encoder does not take.
pub fn encode(picture: &Picture, format: Format, options: &EncodeOptions) -> Result<Encoded> {
    let mut warnings = Vec::new();
    let (width, height) = (picture.width, picture.height);
    let refused = |why: String| {
        Error::new(Kind::Output, format!("cannot write a {} of {width} x {height}", format.name())).why(why)
    };
    if let Some(why) = picture.misfit() {
        return Err(refused(why));
    }
    if width.max(height) > format.max_side() {
        let why = format!("its longest side is {} pixels", format.max_side());
        return Err(refused(why).advice("choose PNG or TIFF"));
    }
    let depth = choose_depth(picture, format, options, &mut warnings);
    let plain = flatten(picture, format, depth, &mut warnings);
    let meta = choose_meta(picture, format, options, &mut warnings);
    let run = || match format {
        Format::Png => containers::png(&plain, &meta, &mut warnings),
        Format::Jpeg => containers::jpeg(&plain, meta, options.quality, &mut warnings),
        Format::WebP => containers::webp(&plain, meta),
        Format::Tiff => tiff_out::tiff(&plain, &meta, &mut warnings),
    };
    // The encoders assert rather than return in places.
    let bytes = caught(run).unwrap_or_else(|| Err(failed(format, "the encoder gave up")))?;
    Ok(Encoded { bytes, warnings })
}

pub(super) fn failed(format: Format, why: impl Display) -> Error {
    Error::new(Kind::Output, format!("cannot encode as {}", format.name())).why(why)
}

fn choose_depth(picture: &Picture, format: Format, options: &EncodeOptions, warnings: &mut Vec<String>) -> Depth {
    let depth = options.depth.unwrap_or(picture.depth);
    let most = match format {
        Format::Tiff => Depth::Float,
        Format::Png => Depth::Sixteen,
        Format::Jpeg | Format::WebP => Depth::Eight,
    };
    // What was asked for beyond the picture's own depth would have held nothing more.
    if depth > most && picture.depth > most {
        let (holds, own) = (most.bits(), picture.depth.bits());
        warnings.push(format!("{} holds {holds} bits: the picture's {own} are rounded", format.name()));
    } else if depth > most {
        warnings.push(format!("{} holds no more than {} bits", format.name(), most.bits()));
    }
    depth.min(most)
}

fn choose_meta(picture: &Picture, format: Format, options: &EncodeOptions, warnings: &mut Vec<String>) -> Meta {
    let all = &picture.meta;
    let mut meta = match options.metadata {
        MetadataPolicy::Keep => all.clone(),
        MetadataPolicy::OnlyIcc => Meta { icc: all.icc.clone(), ..Meta::default() },
        MetadataPolicy::Strip => {
            if all.icc.as_ref().is_some_and(|icc| !colour::is_srgb(icc)) {
                warnings
                    .push("the colour profile is left out although it is not sRGB: colours will look different".into());
            }
            Meta::default()
        }
    };
    // WebP stores grey as RGB.
    let gray = picture.gray && format != Format::WebP;
    let space = meta.icc.as_ref().map(|icc| colour::space(icc));
    let fits = match space {
        None => true,
        Some(Some(Space::Rgb)) => !gray || format != Format::Png,
        Some(Some(Space::Gray)) => gray,
        Some(_) => false,
    };
    if meta.iptc.is_some() && matches!(format, Format::Png | Format::WebP) {
        warnings.push(format!("{} has no place for the IPTC block, which is left out", format.name()));
        meta.iptc = None;
    }
    if !fits {
        let pixels = if gray { "grey" } else { "RGB" };
        warnings.push(format!(
            "the colour profile cannot be used with {pixels} pixels in {} and is left out",
            format.name()
        ));
        meta.icc = None;
    }
    meta
}

/// Rounds to nearest, where the samples are integers, and brings the channels together as the container wants them.
fn flatten(picture: &Picture, format: Format, depth: Depth, warnings: &mut Vec<String>) -> Plain {
    let matte = format == Format::Jpeg && picture.alpha.is_some();
    if matte && picture.alpha.iter().flatten().any(|a| *a < 1.0) {
        warnings.push("JPEG holds no transparency: the picture is laid on white".into());
    }
    let alpha = picture.alpha.as_deref().filter(|_| !matte);
    let channels = if picture.gray { 1 } else { 3 };
    let length = picture.pixels() * (channels + usize::from(alpha.is_some()));
    let mut samples = match depth {
        Depth::Eight => Quantised::U8(Vec::with_capacity(length)),
        Depth::Sixteen => Quantised::U16(Vec::with_capacity(length)),
        Depth::Float => Quantised::F32(Vec::with_capacity(length)),
    };
    // NaN is written as 0.
    let mut push = |v: f32| {
        let v = if v.is_nan() { 0.0 } else { v.clamp(0.0, 1.0) };
        match &mut samples {
            Quantised::U8(all) => all.push((v * 255.0 + 0.5) as u8),
            Quantised::U16(all) => all.push((v * 65535.0 + 0.5) as u16),
            Quantised::F32(all) => all.push(v),
        }
    };
    for (i, pixel) in picture.rgb.chunks_exact(3).enumerate() {
        let over = picture.alpha.as_ref().filter(|_| matte).map_or(1.0, |a| a[i].clamp(0.0, 1.0));
        // A grey picture whose channels came apart in the network is written as their mean.
        let mean = [(pixel[0] + pixel[1] + pixel[2]) / 3.0];
        for v in if picture.gray { &mean[..] } else { pixel } {
            push(if over < 1.0 { v * over + (1.0 - over) } else { *v });
        }
        if let Some(alpha) = alpha {
            push(alpha[i]);
        }
    }
    Plain { width: picture.width, height: picture.height, gray: picture.gray, alpha: alpha.is_some(), samples }
}
