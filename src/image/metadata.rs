//! EXIF and XMP on their way from one file to the next. Edits are made in place, so that nothing else moves: maker
//! notes hold offsets into the block.

use super::ifd::{Block, Directory, EXIF_POINTER, Entry, MAKER_NOTE, ORIENTATION, Tree};
use image::metadata::Orientation;

/// Tags of the main directory that describe the photograph: description, camera, resolution, software, time, artist,
/// rating, copyright, and the texts Windows adds. The others describe how a file stores its pixels, or are private and
/// may be larger than all that EXIF can hold.
const PHOTOGRAPH: [u16; 18] = [
    0x010e, 0x010f, 0x0110, 0x011a, 0x011b, 0x0128, 0x0131, 0x0132, 0x013b, 0x013c, 0x4746, 0x4749, 0x8298, 0x9c9b,
    0x9c9c, 0x9c9d, 0x9c9e, 0x9c9f,
];

/// The EXIF block without the marker some files put before it. None if it is no EXIF block.
pub fn clean_exif(mut exif: Vec<u8>) -> Option<Vec<u8>> {
    if exif.starts_with(b"Exif\0\0") {
        exif.drain(..6);
    }
    Block::new(&exif).is_some().then_some(exif)
}

/// The orientation an EXIF block asks for.
pub fn orientation(exif: &[u8]) -> Orientation {
    let value = || {
        let block = Block::new(exif)?;
        let (entries, _) = block.entries(block.first()?)?;
        let entry = entries.iter().find(|e| e.tag == ORIENTATION)?;
        Orientation::from_exif(u8::try_from(block.number(entry)?).ok()?)
    };
    value().unwrap_or(Orientation::NoTransforms)
}

/// Makes the block true for the upright picture: orientation 1, its size, and no thumbnail of the old pixels.
pub fn settle_exif(exif: &mut [u8], width: u32, height: u32) {
    let edits = || {
        let block = Block::new(exif)?;
        let (main, next) = block.entries(block.first()?)?;
        let mut edits: Vec<(Entry, u32)> = main.iter().filter(|e| e.tag == ORIENTATION).map(|e| (*e, 1)).collect();
        let sub = main.iter().find(|e| e.tag == EXIF_POINTER).and_then(|e| block.number(e));
        let (sub, _) = sub.and_then(|at| block.entries(at as usize)).unwrap_or_default();
        edits.extend(sub.iter().filter(|e| e.tag == 0xa002).map(|e| (*e, width)));
        edits.extend(sub.iter().filter(|e| e.tag == 0xa003).map(|e| (*e, height)));
        Some((edits, next, block.is_big_endian()))
    };
    let Some((edits, next, big)) = edits() else { return };
    for (entry, value) in edits {
        let bytes = if big { value.to_be_bytes() } else { value.to_le_bytes() };
        let bytes = match entry.kind {
            3 if big => &bytes[2..],
            3 => &bytes[..2],
            4 => &bytes[..],
            _ => continue,
        };
        if let Some(place) = exif.get_mut(entry.at..entry.at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }
    if let Some(link) = exif.get_mut(next..next + 4) {
        link.fill(0);
    }
}

/// XMP may name the orientation again; some viewers believe it. Sets the digit to 1, as an attribute or an element.
pub fn settle_xmp(xmp: &mut [u8]) {
    for prefix in [&b"tiff:Orientation=\""[..], b"tiff:Orientation='", b"<tiff:Orientation>"] {
        let mut from = 0;
        while let Some(at) = xmp[from..].windows(prefix.len()).position(|w| w == prefix) {
            from += at + prefix.len();
            if let [digit @ b'2'..=b'8', b'"' | b'\'' | b'<', ..] = &mut xmp[from..] {
                *digit = b'1';
            }
        }
    }
}

/// The EXIF block of a TIFF file: what describes the photograph, under a header of its own. The second value says that
/// maker notes were left out, because their inner offsets would point nowhere.
pub fn exif_from_tiff(file: &[u8]) -> (Option<Vec<u8>>, bool) {
    let Some(mut tree) = Block::new(file).map(|b| b.tree()) else { return (None, false) };
    keep_photograph(&mut tree);
    let note = tree.exif.remove(&MAKER_NOTE).is_some();
    let empty = tree.main.is_empty() && tree.exif.is_empty() && tree.gps.is_empty();
    ((!empty).then(|| tree.write(|_| Directory::new())), note)
}

/// The tags of an EXIF block that a TIFF file can take beside its own, and whether maker notes were left out.
pub fn exif_for_tiff(exif: &[u8]) -> (Tree, bool) {
    let mut tree = Block::new(exif).map(|b| b.tree()).unwrap_or_default();
    keep_photograph(&mut tree);
    let note = tree.exif.remove(&MAKER_NOTE).is_some();
    (tree, note)
}

fn keep_photograph(tree: &mut Tree) {
    tree.main.retain(|tag, _| PHOTOGRAPH.contains(tag));
}

#[cfg(test)]
mod tests {
    use super::super::ifd::Value;
    use super::*;

    /// A block with orientation 6, a size, a maker note and a link to a thumbnail directory.
    pub fn sample() -> Vec<u8> {
        let tree = Tree {
            main: [
                (0x010f, Value { kind: 2, bytes: b"Maker\0".to_vec() }),
                (0x0100, Value::long(&[4])),
                (0x935c, Value::opaque(&[0; 99])),
                (ORIENTATION, Value::short(&[6])),
            ]
            .into(),
            exif: [
                (0xa002, Value::short(&[40])),
                (0xa003, Value::long(&[30])),
                (MAKER_NOTE, Value::opaque(b"private")),
            ]
            .into(),
            gps: Directory::new(),
        };
        let mut block = tree.write(|_| Directory::new());
        let next = Block::new(&block).and_then(|b| b.entries(8)).unwrap().1;
        block[next] = 99;
        block
    }

    #[test]
    fn settling_resets_orientation_size_and_thumbnail_only() {
        let before = sample();
        assert_eq!(orientation(&before), Orientation::Rotate90);
        let mut after = before.clone();
        settle_exif(&mut after, 300, 400);
        assert_eq!(orientation(&after), Orientation::NoTransforms);
        let tree = Block::new(&after).unwrap().tree();
        assert_eq!((&tree.exif[&0xa002], &tree.exif[&0xa003]), (&Value::short(&[300]), &Value::long(&[400])));
        assert_eq!(Block::new(&after).and_then(|b| b.u32(b.entries(8)?.1)), Some(0));
        let changed = before.iter().zip(&after).filter(|(a, b)| a != b).count();
        assert!(before.len() == after.len() && changed <= 9, "{changed} bytes changed");
        settle_exif(&mut [1, 2, 3], 1, 1);
    }

    #[test]
    fn big_endian_orientation_is_reset() {
        let mut block =
            [b"MM\0*\0\0\0\x08\0\x01".as_slice(), &[1, 0x12, 0, 3, 0, 0, 0, 1, 0, 8, 0, 0], &[0; 4]].concat();
        assert_eq!(orientation(&block), Orientation::Rotate270);
        settle_exif(&mut block, 1, 1);
        assert_eq!(block[18..20], [0, 1]);
    }

    #[test]
    fn exif_marker_is_removed() {
        let marked = [b"Exif\0\0".as_slice(), &sample()].concat();
        assert_eq!(clean_exif(marked), Some(sample()));
        assert_eq!(clean_exif(b"junk".to_vec()), None);
    }

    #[test]
    fn xmp_orientation_is_reset() {
        let mut xmp = b"<a tiff:Orientation=\"6\"/> <tiff:Orientation>8</tiff:Orientation> x=\"6\"".to_vec();
        settle_xmp(&mut xmp);
        assert_eq!(xmp, b"<a tiff:Orientation=\"1\"/> <tiff:Orientation>1</tiff:Orientation> x=\"6\"");
    }

    #[test]
    fn tiff_and_exif_exchange_the_photograph_only() {
        let (tree, note) = exif_for_tiff(&sample());
        assert!(note && tree.main.keys().eq(&[0x010f]) && tree.exif.len() == 2);
        let (block, note) = exif_from_tiff(&sample());
        assert!(note && Block::new(&block.unwrap()).unwrap().tree() == tree);
        assert_eq!(exif_from_tiff(b"II*\0\0\0\0\0"), (None, false));
    }
}
