//! Shapes of activations: NHWC, channels cut into segments that are each padded to a multiple of four.

use std::fmt;
use std::ops::Range;

/// The channel axis of an activation. A layer such as GDFN yields two halves of 127 channels: each half is a segment
/// of its own, padded to 128, so that a vec4 never straddles two halves and a concat is a copy of whole vec4s.
/// Padding lanes hold zeros.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Channels {
    segments: Vec<u32>,
}

impl Channels {
    /// One segment of `count` channels.
    pub fn one(count: u32) -> Self {
        Channels { segments: vec![count] }
    }

    /// Several segments, each padded on its own.
    pub fn split(segments: Vec<u32>) -> Self {
        assert!(!segments.is_empty(), "a tensor has at least one channel segment");
        Channels { segments }
    }

    /// `parts` equal segments of `count` channels.
    pub fn repeat(count: u32, parts: u32) -> Self {
        Channels { segments: vec![count; parts as usize] }
    }

    pub fn segments(&self) -> &[u32] {
        &self.segments
    }

    /// Channels that carry values.
    pub fn logical(&self) -> u32 {
        self.segments.iter().sum()
    }

    /// Channels in memory: a multiple of four.
    pub fn padded(&self) -> u32 {
        self.segments.iter().map(|s| s.next_multiple_of(4)).sum()
    }

    /// vec4s in memory for each pixel.
    pub fn quads(&self) -> u32 {
        self.padded() / 4
    }

    /// Where each logical channel lies in memory, in logical order.
    pub fn positions(&self) -> Vec<u32> {
        let mut base = 0;
        let mut out = Vec::with_capacity(self.logical() as usize);
        for s in &self.segments {
            out.extend(base..base + s);
            base += s.next_multiple_of(4);
        }
        out
    }

    /// The vec4s of segments `range`.
    pub fn quads_of(&self, range: Range<usize>) -> Range<u32> {
        let width = |s: &[u32]| s.iter().map(|c| c.div_ceil(4)).sum::<u32>();
        let start = width(&self.segments[..range.start]);
        start..start + width(&self.segments[range])
    }

    /// Segments of `self` followed by those of `other`.
    pub fn concat(&self, other: &Channels) -> Channels {
        Channels { segments: self.segments.iter().chain(&other.segments).copied().collect() }
    }
}

/// Batch, height, width and channels of an activation. Token sequences are images of height 1.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shape {
    pub n: u32,
    pub h: u32,
    pub w: u32,
    pub c: Channels,
}

impl Shape {
    pub fn new(n: u32, h: u32, w: u32, c: u32) -> Self {
        Shape { n, h, w, c: Channels::one(c) }
    }

    pub fn with_channels(&self, c: Channels) -> Self {
        Shape { c, ..self.clone() }
    }

    /// Pixels of the whole batch.
    pub fn rows(&self) -> u32 {
        self.n * self.h * self.w
    }

    pub fn pixels(&self) -> u32 {
        self.h * self.w
    }

    /// Elements in memory, padding included.
    pub fn elements(&self) -> u64 {
        u64::from(self.rows()) * u64::from(self.c.padded())
    }

    /// vec4s in memory.
    pub fn vec4s(&self) -> u64 {
        self.elements() / 4
    }

    /// NCHW values (the order of checkpoints and cases) to the padded NHWC layout.
    pub fn from_nchw(&self, nchw: &[f32]) -> Vec<f32> {
        let (pixels, channels) = (self.pixels() as usize, self.c.logical() as usize);
        let stride = self.c.padded() as usize;
        let positions = self.c.positions();
        let mut out = vec![0.0; self.elements() as usize];
        for n in 0..self.n as usize {
            for (c, position) in positions.iter().enumerate() {
                let plane = &nchw[(n * channels + c) * pixels..][..pixels];
                for (p, v) in plane.iter().enumerate() {
                    out[(n * pixels + p) * stride + *position as usize] = *v;
                }
            }
        }
        out
    }

    /// Rows of logical channels (interleaved pixels, tokens) to the padded layout.
    pub fn pad_channels(&self, rows: &[f32]) -> Vec<f32> {
        let positions = self.c.positions();
        let stride = self.c.padded() as usize;
        let mut out = vec![0.0; self.elements() as usize];
        for (to, from) in out.chunks_mut(stride).zip(rows.chunks(positions.len())) {
            for (at, v) in positions.iter().zip(from) {
                to[*at as usize] = *v;
            }
        }
        out
    }

    /// The padded layout back to rows of logical channels.
    pub fn strip_channels(&self, padded: &[f32]) -> Vec<f32> {
        let positions = self.c.positions();
        let stride = self.c.padded() as usize;
        padded.chunks(stride).flat_map(|row| positions.iter().map(|p| row[*p as usize])).collect()
    }

    /// The padded NHWC layout back to NCHW values.
    pub fn to_nchw(&self, nhwc: &[f32]) -> Vec<f32> {
        let (pixels, channels) = (self.pixels() as usize, self.c.logical() as usize);
        let stride = self.c.padded() as usize;
        let positions = self.c.positions();
        let mut out = vec![0.0; self.n as usize * channels * pixels];
        for n in 0..self.n as usize {
            for (c, position) in positions.iter().enumerate() {
                let plane = &mut out[(n * channels + c) * pixels..][..pixels];
                for (p, v) in plane.iter_mut().enumerate() {
                    *v = nhwc[(n * pixels + p) * stride + *position as usize];
                }
            }
        }
        out
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let segments: Vec<String> = self.c.segments().iter().map(u32::to_string).collect();
        write!(f, "{}x{}x{}x{}", self.n, self.h, self.w, segments.join("+"))
    }
}
