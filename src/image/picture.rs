//! A picture in memory, with everything its file said that must survive the restoration.

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
}
