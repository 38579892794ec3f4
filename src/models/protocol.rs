//! What the published program of a family does around its network: data that `run::official` acts on. A picture is
//! read as 8-bit RGB, fitted, padded, run in one piece (or through the family's own tiling) and stored as 8-bit RGB.

/// How a picture gets the size that the network is run at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fit {
    /// The picture's own size.
    #[default]
    Own,
    /// The largest centred window whose sides are multiples of this.
    Centre(u32),
    /// A square of this side, whatever the proportions.
    Square(u32, Filter),
}

/// How a picture is scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// Pixel centres at halves, no antialias.
    Bilinear,
    /// Bicubic (a = -0.75) if a side of the picture is shorter than that of the square, else the mean over the area.
    CubicOrArea,
}

/// The published pre- and post-processing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protocol {
    pub fit: Fit,
    /// The fitted picture is reflected to the right and down to multiples of this; 1 where the network pads by itself.
    pub pad: u32,
    /// Values become bytes by truncation instead of rounding.
    pub truncate: bool,
}

impl Protocol {
    /// The picture's own size, reflected to multiples of `pad`, rounded.
    pub const fn padded(pad: u32) -> Self {
        Protocol { fit: Fit::Own, pad, truncate: false }
    }
}
