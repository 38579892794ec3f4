//! TIFF written directly: one uncompressed strip behind its directories, which is all of the format that a picture
//! with its profile, EXIF and XMP needs.

use super::encode::{Format, Plain, Quantised, failed};
use super::ifd::{Directory, Value};
use super::metadata::exif_for_tiff;
use super::picture::Meta;
use crate::base::Result;

pub(super) fn tiff(plain: &Plain, meta: &Meta, warnings: &mut Vec<String>) -> Result<Vec<u8>> {
    let channels = if plain.gray { 1 } else { 3 } + usize::from(plain.alpha);
    let (bits, length) = match &plain.samples {
        Quantised::U8(v) => (8, v.len()),
        Quantised::U16(v) => (16, v.len() * 2),
        Quantised::F32(v) => (32, v.len() * 4),
    };
    let extra = meta.icc.iter().chain(&meta.exif).chain(&meta.xmp).chain(&meta.iptc).map(Vec::len).sum::<usize>();
    // Offsets have 32 bits; the directories are far smaller than the margin.
    if length.saturating_add(extra) > u32::MAX as usize - (1 << 16) {
        return Err(failed(Format::Tiff, "it is larger than 4 GiB").advice("choose PNG"));
    }
    let (mut tree, note) = meta.exif.as_deref().map(exif_for_tiff).unwrap_or_default();
    if note {
        warnings.push("the camera's maker notes are left out: TIFF moves what they point at".into());
    }
    let tags: [(u16, Value); 9] = [
        (0x0100, Value::long(&[plain.width])),
        (0x0101, Value::long(&[plain.height])),
        (0x0102, Value::short(&vec![bits; channels])),
        (0x0103, Value::short(&[1])),
        (0x0106, Value::short(&[if plain.gray { 1 } else { 2 }])),
        (0x0112, Value::short(&[1])),
        (0x0115, Value::short(&[channels as u16])),
        (0x0116, Value::long(&[plain.height])),
        (0x011c, Value::short(&[1])),
    ];
    tree.main.extend(tags);
    if let Quantised::F32(_) = plain.samples {
        tree.main.insert(0x0153, Value::short(&vec![3; channels]));
    }
    if plain.alpha {
        // 2 is alpha the colour was not multiplied by.
        tree.main.insert(0x0152, Value::short(&[2]));
    }
    if let Some(xmp) = &meta.xmp {
        tree.main.insert(0x02bc, Value { kind: 1, bytes: xmp.clone() });
    }
    if let Some(iptc) = &meta.iptc {
        tree.main.insert(0x8649, Value { kind: 1, bytes: iptc.clone() });
    }
    if let Some(icc) = &meta.icc {
        tree.main.insert(0x8773, Value::opaque(icc));
    }
    let strip =
        |at: u32| -> Directory { [(0x0111, Value::long(&[at])), (0x0117, Value::long(&[length as u32]))].into() };
    let mut out = tree.write(strip);
    out.reserve_exact(length);
    match &plain.samples {
        Quantised::U8(v) => out.extend_from_slice(v),
        Quantised::U16(v) => v.iter().for_each(|s| out.extend(s.to_le_bytes())),
        Quantised::F32(v) => v.iter().for_each(|s| out.extend(s.to_le_bytes())),
    }
    Ok(out)
}
