//! Maps as PNG files that other programs read: depth in 16 bits, labels as numbers, labels in colours.

use super::colormap::ramp;
use crate::base::{Error, Kind, Result};

/// What pixels without a label hold in a label file.
pub const VOID_8: u8 = u8::MAX;
pub const VOID_16: u16 = u16::MAX;

/// Depth over its range: 0 is `min`, 65535 is `max`. The range is written into the file (`depth_min`, `depth_max`), so
/// that `min + v / 65535 * (max - min)` gives the depth back.
pub fn depth_png(depth: &[f32], size: (u32, u32), min: f64, max: f64) -> Result<Vec<u8>> {
    let value = |d: &f32| (share(*d, min, max) * 65535.0 + 0.5) as u16;
    let bytes: Vec<u8> = depth.iter().flat_map(|d| value(d).to_be_bytes()).collect();
    let mut info = png::Info::with_size(size.0, size.1);
    (info.color_type, info.bit_depth) = (png::ColorType::Grayscale, png::BitDepth::Sixteen);
    write(info, depth.len(), &bytes, &[("depth_min", min.to_string()), ("depth_max", max.to_string())])
}

/// Depth in colours: near is light, far is dark.
pub fn depth_colour_png(depth: &[f32], size: (u32, u32), min: f64, max: f64) -> Result<Vec<u8>> {
    let bytes: Vec<u8> = depth_colours(depth, min, max).concat();
    let mut info = png::Info::with_size(size.0, size.1);
    info.color_type = png::ColorType::Rgb;
    write(info, depth.len(), &bytes, &[])
}

/// One colour a pixel, for [`depth_colour_png`] and for overlays.
pub fn depth_colours(depth: &[f32], min: f64, max: f64) -> Vec<[u8; 3]> {
    depth.iter().map(|d| ramp()[((1.0 - share(*d, min, max)) * 255.0 + 0.5) as usize]).collect()
}

/// The place of a depth in its range. NaN counts as far.
fn share(depth: f32, min: f64, max: f64) -> f64 {
    let share = (f64::from(depth) - min) / (max - min);
    if share.is_nan() { 1.0 } else { share.clamp(0.0, 1.0) }
}

/// The numbers themselves as grey values: 8 bits while they fit, else 16. No label (negative) is the highest value.
pub fn label_png(labels: &[i32], size: (u32, u32), classes: usize) -> Result<Vec<u8>> {
    let mut info = png::Info::with_size(size.0, size.1);
    info.color_type = png::ColorType::Grayscale;
    if classes <= usize::from(VOID_8) {
        let bytes: Vec<u8> = labels.iter().map(|l| u8::try_from(*l).unwrap_or(VOID_8)).collect();
        return write(info, labels.len(), &bytes, &[]);
    }
    if classes > usize::from(VOID_16) {
        return Err(refused(size).why(format!("{classes} classes do not fit 16 bits")));
    }
    info.bit_depth = png::BitDepth::Sixteen;
    let wide = |l: &i32| u16::try_from(*l).unwrap_or(VOID_16).to_be_bytes();
    let bytes: Vec<u8> = labels.iter().flat_map(wide).collect();
    write(info, labels.len(), &bytes, &[])
}

/// Labels in the colours of their classes, black where there is none. A palette file while the classes fit one (with
/// one entry more for black), so that the number of each class is kept in it too.
pub fn palette_png(labels: &[i32], size: (u32, u32), colours: &[[u8; 3]]) -> Result<Vec<u8>> {
    let mut info = png::Info::with_size(size.0, size.1);
    let entry = |l: &i32| usize::try_from(*l).ok().filter(|l| *l < colours.len());
    if colours.len() < 256 {
        info.color_type = png::ColorType::Indexed;
        let palette: Vec<u8> = colours.iter().chain([&[0; 3]]).flatten().copied().collect();
        info.palette = Some(palette.into());
        let bytes: Vec<u8> = labels.iter().map(|l| entry(l).unwrap_or(colours.len()) as u8).collect();
        return write(info, labels.len(), &bytes, &[]);
    }
    info.color_type = png::ColorType::Rgb;
    let bytes: Vec<u8> = labels.iter().flat_map(|l| entry(l).map_or([0; 3], |l| colours[l])).collect();
    write(info, labels.len(), &bytes, &[])
}

/// Segment ids as COCO writes them: R + 256 G + 65536 B.
pub fn id_png(ids: &[u32], size: (u32, u32)) -> Result<Vec<u8>> {
    if let Some(large) = ids.iter().find(|id| **id >> 24 != 0) {
        return Err(refused(size).why(format!("the segment id {large} does not fit 24 bits")));
    }
    let mut info = png::Info::with_size(size.0, size.1);
    info.color_type = png::ColorType::Rgb;
    let bytes: Vec<u8> = ids.iter().flat_map(|id| [*id as u8, (id >> 8) as u8, (id >> 16) as u8]).collect();
    write(info, ids.len(), &bytes, &[])
}

fn refused(size: (u32, u32)) -> Error {
    Error::new(Kind::Output, format!("cannot write a map of {} x {}", size.0, size.1))
}

fn write(info: png::Info<'_>, values: usize, bytes: &[u8], texts: &[(&str, String)]) -> Result<Vec<u8>> {
    let size = (info.width, info.height);
    if values == 0 || values as u64 != u64::from(size.0) * u64::from(size.1) {
        return Err(refused(size).why(format!("it has {values} values")));
    }
    let failed = |e: png::EncodingError| refused(size).why(e);
    let mut out = Vec::new();
    let mut encoder = png::Encoder::with_info(&mut out, info).map_err(failed)?;
    encoder.set_compression(png::Compression::Balanced);
    for (key, text) in texts {
        encoder.add_text_chunk((*key).into(), text.clone()).map_err(failed)?;
    }
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(bytes).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Size, colour type, bits and raw samples of a file.
    fn read(bytes: &[u8]) -> (png::OutputInfo, Vec<u8>, png::Info<'static>) {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
        decoder.set_transformations(png::Transformations::IDENTITY);
        let mut reader = decoder.read_info().unwrap();
        let mut out = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut out).unwrap();
        out.truncate(frame.buffer_size());
        (frame, out, reader.info().clone())
    }

    #[test]
    fn depth_keeps_its_range_and_sixteen_bits() {
        let bytes = depth_png(&[0.5, 80.0, 40.25, -3.0, 99.0, f32::NAN], (3, 2), 0.5, 80.0).unwrap();
        let (frame, samples, info) = read(&bytes);
        assert_eq!((frame.width, frame.height, frame.bit_depth), (3, 2, png::BitDepth::Sixteen));
        let values: Vec<u16> = samples.chunks(2).map(|b| u16::from_be_bytes([b[0], b[1]])).collect();
        assert_eq!(values, [0, 65535, 32768, 0, 65535, 65535]);
        let text: Vec<(&str, &str)> =
            info.uncompressed_latin1_text.iter().map(|t| (t.keyword.as_str(), t.text.as_str())).collect();
        assert_eq!(text, [("depth_min", "0.5"), ("depth_max", "80")]);
        let colours = depth_colours(&[0.5, 80.0], 0.5, 80.0);
        assert_eq!(colours, [ramp()[255], ramp()[0]], "near is light");
        assert_eq!(read(&depth_colour_png(&[1.0; 6], (2, 3), 0.0, 2.0).unwrap()).0.color_type, png::ColorType::Rgb);
    }

    #[test]
    fn labels_are_their_numbers() {
        let small = read(&label_png(&[0, 149, -1, 7], (2, 2), 150).unwrap());
        assert_eq!((small.0.bit_depth, &small.1[..]), (png::BitDepth::Eight, &[0, 149, 255, 7][..]));
        let wide = read(&label_png(&[0, 999, -1, 7], (2, 2), 1000).unwrap());
        assert_eq!((wide.0.bit_depth, &wide.1[2..6]), (png::BitDepth::Sixteen, &[3, 231, 255, 255][..]));
        assert!(label_png(&[0], (1, 1), 70_000).is_err());
        assert_eq!(label_png(&[0; 3], (2, 2), 5).unwrap_err().kind(), Kind::Output);
    }

    #[test]
    fn palettes_keep_numbers_and_colours() {
        let colours = [[1, 2, 3], [4, 5, 6]];
        let (frame, samples, info) = read(&palette_png(&[1, 0, -1, 9], (2, 2), &colours).unwrap());
        assert_eq!((frame.color_type, &samples[..]), (png::ColorType::Indexed, &[1, 0, 2, 2][..]));
        assert_eq!(info.palette.unwrap().as_ref(), [1, 2, 3, 4, 5, 6, 0, 0, 0]);
        let many: Vec<[u8; 3]> = (0..300u32).map(|i| [i as u8, (i >> 8) as u8, 7]).collect();
        let (frame, samples, _) = read(&palette_png(&[299, -1], (2, 1), &many).unwrap());
        assert_eq!((frame.color_type, &samples[..]), (png::ColorType::Rgb, &[43, 1, 7, 0, 0, 0][..]));
    }

    #[test]
    fn ids_have_their_low_byte_in_red() {
        assert_eq!(read(&id_png(&[0, 1, 258, 0x030201], (4, 1)).unwrap()).1, [0, 0, 0, 1, 0, 0, 2, 1, 0, 1, 2, 3]);
        assert!(id_png(&[1 << 24], (1, 1)).unwrap_err().to_string().contains("24 bits"));
    }
}
