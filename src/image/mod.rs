//! Floor 1: pictures in files and in memory. Decoding, encoding, colour, metadata, and the geometry of tiles.
//!
//! Pixels are interleaved RGB in the file's own colour space, encoded (not linear), 0..1. The profile travels with them.

pub mod answer;
pub mod blend;
pub mod colormap;
pub mod colour;
pub mod compare;
mod containers;
pub mod decode;
pub mod encode;
pub mod header;
pub mod hidden;
pub mod ifd;
mod jpeg_in;
pub mod maps;
pub mod metadata;
pub mod overlay;
pub mod pad;
pub mod picture;
mod raster;
pub mod resample;
#[cfg(test)]
mod round_trip;
pub mod segments;
mod tiff_in;
mod tiff_out;
pub mod tile;

pub use answer::{DepthMap, LabelMap, Map, MapKind, SegmentMap};
pub use blend::Blender;
pub use decode::{EXTENSIONS, Limits, decode_bytes, decode_file, decode_stream, settle};
pub use encode::{EncodeOptions, Encoded, Format, MetadataPolicy, encode};
pub use picture::{Depth, Meta, Picture};
pub use segments::CocoSegment;
pub use tile::Tile;
