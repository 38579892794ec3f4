//! Tests only: pictures through files and back, and files that are no pictures.

use super::colour;
use super::decode::{Limits, decode_bytes, decode_file};
use super::encode::{EncodeOptions, Format, MetadataPolicy, encode};
use super::ifd::{Block, Directory, ORIENTATION, Tree, Value};
use super::picture::{Depth, Meta, Picture};
use crate::base::{Error, Kind};
use moxcms::ColorProfile;

const ALL: [Format; 4] = [Format::Png, Format::Jpeg, Format::Tiff, Format::WebP];

fn sample(gray: bool, alpha: bool, depth: Depth) -> Picture {
    let (width, height) = (13, 7);
    let top = [255, 65535, 100_003][depth as usize];
    let value = |i: usize| ((i * 7919) % (top + 1)) as f32 / top as f32;
    let rgb = (0..width * height).flat_map(|p| if gray { [value(p); 3] } else { [0, 1, 2].map(|c| value(p * 3 + c)) });
    let mut picture = Picture::from_rgb(width as u32, height as u32, rgb.collect());
    picture.alpha = alpha.then(|| (0..width * height).map(|p| value(p + 17)).collect());
    (picture.gray, picture.depth) = (gray, depth);
    picture
}

fn exif(orientation: u16) -> Vec<u8> {
    let make = Value { kind: 2, bytes: b"Maker\0".to_vec() };
    let iso = Value::short(&[400]);
    let tree = Tree {
        main: [(0x010f, make), (ORIENTATION, Value::short(&[orientation]))].into(),
        exif: [(0x8827, iso)].into(),
        gps: Directory::new(),
    };
    tree.write(|_| Directory::new())
}

fn meta() -> Meta {
    let icc = ColorProfile::new_display_p3().encode().ok();
    Meta { icc, exif: Some(exif(1)), xmp: Some(b"<x:xmpmeta>caf\xc3\xa9</x:xmpmeta>".to_vec()), iptc: None }
}

fn through(picture: &Picture, format: Format, options: &EncodeOptions) -> (Picture, Vec<String>) {
    let encoded = encode(picture, format, options).unwrap();
    let name = format!("x.{}", format.extension());
    (decode_bytes(&encoded.bytes, &name, &Limits::default()).unwrap(), encoded.warnings)
}

fn worst(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn lossless_formats_return_every_sample() {
    for format in [Format::Png, Format::Tiff, Format::WebP] {
        for (gray, alpha, depth) in [(false, false), (false, true), (true, false), (true, true)]
            .into_iter()
            .flat_map(|(gray, alpha)| [Depth::Eight, Depth::Sixteen, Depth::Float].map(|d| (gray, alpha, d)))
        {
            let picture = sample(gray, alpha, depth);
            let case = format!("{format:?} gray {gray} alpha {alpha} {depth:?}");
            let (back, warnings) = through(&picture, format, &EncodeOptions::default());
            let steps = match format {
                Format::WebP if depth > Depth::Eight => 255.0,
                Format::Png if depth > Depth::Sixteen => 65535.0,
                _ => f32::INFINITY,
            };
            let narrowed = steps.is_finite();
            let bound = 0.5 / steps + if narrowed { 1e-6 } else { 1e-7 };
            assert_eq!((back.width, back.height), (13, 7));
            assert!(worst(&back.rgb, &picture.rgb) <= bound, "{case}");
            assert_eq!(back.alpha.is_some(), alpha, "{case}");
            assert!(worst(&back.alpha.unwrap_or_default(), &picture.alpha.unwrap_or_default()) <= bound, "{case}");
            assert_eq!(back.depth == depth, !narrowed, "{case}");
            assert_eq!(warnings.len(), usize::from(narrowed), "{case}: {warnings:?}");
            assert_eq!(back.gray, gray && format != Format::WebP, "{case}");
        }
    }
}

#[test]
fn jpeg_keeps_grey_and_lays_alpha_on_white() {
    let (back, warnings) = through(&sample(true, false, Depth::Sixteen), Format::Jpeg, &EncodeOptions::default());
    assert!(back.gray && back.depth == Depth::Eight && warnings[0].contains("8 bits"));
    let mut picture = Picture::from_rgb(16, 8, [1.0, 0.0, 0.0].repeat(128));
    picture.alpha = Some((0..128).map(|i| if i % 16 < 8 { 0.0 } else { 1.0 }).collect());
    let (back, warnings) = through(&picture, Format::Jpeg, &EncodeOptions::default());
    assert!(warnings[0].contains("white"));
    let pixel = |x: usize| [0, 1, 2].map(|c| (back.rgb[x * 3 + c] * 50.0).round());
    assert_eq!((pixel(0), pixel(15)), ([50.0; 3], [50.0, 0.0, 0.0]), "the hidden red does not show");
    picture.alpha = Some(vec![1.0; 128]);
    assert!(encode(&picture, Format::Jpeg, &EncodeOptions::default()).unwrap().warnings.is_empty());
    let low = EncodeOptions { quality: 20, ..Default::default() };
    let size = |o: &EncodeOptions| encode(&sample(false, false, Depth::Eight), Format::Jpeg, o).unwrap().bytes.len();
    assert!(size(&low) < size(&EncodeOptions::default()), "quality is heard");
}

#[test]
fn metadata_travels_through_all_formats() {
    for format in ALL {
        let mut picture = sample(false, false, Depth::Eight);
        picture.meta = meta();
        let (back, warnings) = through(&picture, format, &EncodeOptions::default());
        assert!(warnings.is_empty() && back.warnings.is_empty(), "{format:?} {warnings:?} {:?}", back.warnings);
        assert_eq!((&back.meta.icc, &back.meta.xmp), (&picture.meta.icc, &picture.meta.xmp), "{format:?}");
        let tree = Block::new(&back.meta.exif.expect("EXIF")).unwrap().tree();
        assert_eq!(tree.main[&0x010f].bytes, b"Maker\0", "{format:?}");
        assert_eq!(tree.exif[&0x8827], Value::short(&[400]), "{format:?}");
        let only = EncodeOptions { metadata: MetadataPolicy::OnlyIcc, ..Default::default() };
        let expected = Meta { icc: picture.meta.icc.clone(), ..Meta::default() };
        assert_eq!(through(&picture, format, &only).0.meta, expected, "{format:?}");
        let strip = EncodeOptions { metadata: MetadataPolicy::Strip, ..Default::default() };
        let (back, warnings) = through(&picture, format, &strip);
        assert!(back.meta == Meta::default() && warnings[0].contains("not sRGB"), "{format:?}");
    }
}

/// Image resources of `length` bytes of IPTC.
fn resources(length: usize) -> Vec<u8> {
    let mut record = vec![0; length];
    record.iter_mut().enumerate().for_each(|(i, v)| *v = (i * 31 % 251) as u8);
    [b"8BIM\x04\x04\0\0", &(length as u32).to_be_bytes()[..], &record].concat()
}

#[test]
fn the_iptc_block_travels_where_it_has_a_place() {
    // A JPEG needs three segments for the second.
    for block in [resources(40), resources(150_000)] {
        let mut picture = sample(false, false, Depth::Eight);
        picture.meta = Meta { iptc: Some(block.clone()), ..meta() };
        for format in ALL {
            let (back, warnings) = through(&picture, format, &EncodeOptions::default());
            let kept = matches!(format, Format::Jpeg | Format::Tiff);
            assert_eq!(back.meta.iptc, kept.then(|| block.clone()), "{format:?}");
            assert_eq!(warnings.iter().any(|w| w.contains("IPTC")), !kept, "{format:?}: {warnings:?}");
            assert_eq!((&back.meta.icc, &back.meta.xmp), (&picture.meta.icc, &picture.meta.xmp), "{format:?}");
        }
        let strip = EncodeOptions { metadata: MetadataPolicy::Strip, ..Default::default() };
        assert_eq!(through(&picture, Format::Jpeg, &strip).0.meta.iptc, None);
    }
}

#[test]
fn depth_and_profile_follow_the_pixels() {
    let picture = sample(false, false, Depth::Sixteen);
    let eight = EncodeOptions { depth: Some(Depth::Eight), ..Default::default() };
    let (back, warnings) = through(&picture, Format::Png, &eight);
    assert!(back.depth == Depth::Eight && warnings.is_empty());
    let mut gray = sample(true, false, Depth::Eight);
    gray.meta.icc = ColorProfile::new_gray_with_gamma(2.2).encode().ok();
    let (back, _) = through(&gray, Format::Png, &EncodeOptions::default());
    assert_eq!(back.meta.icc.as_deref().and_then(colour::space), Some(colour::Space::Gray));
    let (back, warnings) = through(&gray, Format::WebP, &EncodeOptions::default());
    assert!(back.meta.icc.is_none() && warnings[0].contains("cannot be used"), "{warnings:?}");
}

#[test]
fn too_much_metadata_does_not_ruin_a_jpeg() {
    let mut picture = sample(false, false, Depth::Eight);
    let long = vec![b' '; 70_000];
    picture.meta.xmp = Some(long.clone());
    picture.meta.exif = Some([exif(1), long].concat());
    let (back, warnings) = through(&picture, Format::Jpeg, &EncodeOptions::default());
    assert!(back.meta == Meta::default() && warnings.len() == 2, "{warnings:?}");
}

#[test]
fn orientation_is_applied_once() {
    for orientation in 1..=8 {
        for format in ALL {
            // Red on the left half, 16x8, so that JPEG blocks stay pure.
            let rgb = (0..128).flat_map(|p| if p % 16 < 8 { [1.0, 0.0, 0.0] } else { [0.0, 0.0, 1.0] });
            let mut picture = Picture::from_rgb(16, 8, rgb.collect());
            picture.meta.exif = Some(exif(orientation));
            picture.meta.xmp = Some(format!("<d tiff:Orientation=\"{orientation}\"/>").into_bytes());
            let mut bytes = encode(&picture, format, &EncodeOptions::default()).unwrap().bytes;
            if format == Format::Tiff {
                // Our writer says 1, always; a camera's file would not.
                let at = Block::new(&bytes).and_then(|b| b.entries(b.first()?)).unwrap().0;
                let at = at.iter().find(|e| e.tag == ORIENTATION).unwrap().at;
                bytes[at] = orientation as u8;
            }
            let back = decode_bytes(&bytes, "x", &Limits::default()).unwrap();
            let case = format!("{format:?} {orientation}");
            let turned = orientation > 4;
            assert_eq!((back.width, back.height), if turned { (8, 16) } else { (16, 8) }, "{case}");
            // Where the red half lies upright: left, right, right, left, top, top, bottom, bottom.
            let red_first = matches!(orientation, 1 | 4 | 5 | 6);
            assert_eq!(back.rgb[0] > 0.5, red_first, "{case}");
            assert_eq!(back.rgb[back.rgb.len() - 3] > 0.5, !red_first, "{case}");
            let (again, _) = through(&back, format, &EncodeOptions::default());
            assert_eq!((again.width, again.height), (back.width, back.height), "{case}: not twice");
            assert!(worst(&again.rgb, &back.rgb) < 0.05, "{case}: not twice");
            assert!(back.meta.xmp.unwrap().windows(3).any(|w| w == b"\"1\""), "{case}");
        }
    }
}

fn refused(bytes: &[u8], limits: &Limits) -> Error {
    decode_bytes(bytes, "dir/x.png", limits).expect_err("must be refused")
}

#[test]
fn bad_input_has_its_own_message() {
    let limits = Limits::default();
    for (bytes, kind, part) in [
        (&b""[..], Kind::Image, "empty (0 bytes)"),
        (b"hello, world\n", Kind::Image, "text file"),
        (b"GIF89a\x01\0", Kind::Image, "GIF is not supported"),
        (&[0, 1, 2, 3, 4], Kind::Image, "not an image"),
    ] {
        let error = refused(bytes, &limits);
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains(part) && error.to_string().contains("dir/x.png"), "{error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let error = decode_file(folder.path(), &limits).unwrap_err();
    assert!(error.to_string().contains("it is a directory"), "{error}");
    let error = decode_file(folder.path().join("none.png"), &limits).unwrap_err();
    assert!(error.to_string().contains("no such file") && error.kind() == Kind::Image, "{error}");
    let path = folder.path().join("named.txt");
    std::fs::write(&path, encode(&sample(false, false, Depth::Eight), Format::Png, &Default::default()).unwrap().bytes)
        .unwrap();
    assert!(decode_file(&path, &limits).is_ok(), "content counts, not the name");
    let small = Limits { max_bytes: 100, ..limits };
    assert_eq!(decode_file(&path, &small).unwrap_err().kind(), Kind::TooLarge);
}

#[test]
fn sizes_are_refused_before_anything_is_allocated() {
    let side = 60_000_u32.to_be_bytes();
    let png = [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(), &side, &side, &[8, 2, 0, 0, 0, 0, 0, 0, 0]].concat();
    let jpeg = [&[0xff, 0xd8, 0xff, 0xc0, 0, 17, 8, 0xea, 0x60, 0xea, 0x60, 3][..], &[1, 0x11, 0].repeat(3)].concat();
    let mut tiff = encode(&sample(false, false, Depth::Eight), Format::Tiff, &Default::default()).unwrap().bytes;
    let entries = Block::new(&tiff).and_then(|b| b.entries(b.first()?)).unwrap().0;
    for entry in entries.iter().filter(|e| matches!(e.tag, 0x100 | 0x101)) {
        tiff[entry.at..entry.at + 4].copy_from_slice(&60_000_u32.to_le_bytes());
    }
    for bytes in [png, jpeg, tiff] {
        let error = refused(&bytes, &Limits::default());
        assert_eq!(error.kind(), Kind::TooLarge, "{error}");
        assert!(error.to_string().contains("60000 x 60000, 3600 megapixels"), "{error}");
    }
    let whole = encode(&sample(false, false, Depth::Eight), Format::WebP, &Default::default()).unwrap().bytes;
    assert_eq!(refused(&whole, &Limits { max_pixels: 90, ..Limits::default() }).kind(), Kind::TooLarge);
    assert!(decode_bytes(&whole, "x", &Limits { max_pixels: 91, ..Limits::default() }).is_ok());
    assert_eq!(refused(&whole, &Limits { max_bytes: 91 * 18, ..Limits::default() }).kind(), Kind::TooLarge);
}

#[test]
fn cut_files_are_refused_and_bent_ones_do_not_panic() {
    for format in ALL {
        let mut picture = sample(false, true, Depth::Eight);
        picture.meta = meta();
        let whole = encode(&picture, format, &EncodeOptions::default()).unwrap().bytes;
        for end in (13..whole.len()).step_by(7) {
            match decode_bytes(&whole[..end], "x", &Limits::default()) {
                Err(error) => assert_eq!(error.kind(), Kind::Image, "{format:?} cut at {end}: {error}"),
                // Only what follows the pixels may be missing: PNG's last chunk, WebP's EXIF and XMP.
                Ok(back) => {
                    let expected = if format == Format::Jpeg { &back.rgb } else { &picture.rgb };
                    assert!(worst(&back.rgb, expected) < 1e-6, "{format:?} cut at {end} of {}", whole.len());
                }
            }
        }
        for at in (0..whole.len()).step_by(5) {
            let mut bent = whole.clone();
            bent[at] ^= 0x5a;
            let limits = Limits { max_pixels: 1 << 20, max_bytes: 1 << 26 };
            let _ = decode_bytes(&bent, "x", &limits);
        }
    }
}

#[test]
fn a_cut_png_says_what_is_missing() {
    let whole = encode(&sample(false, false, Depth::Eight), Format::Png, &Default::default()).unwrap().bytes;
    let error = refused(&whole[..whole.len() - 40], &Limits::default());
    assert!(error.to_string().contains("is damaged: the file ends after"), "{error}");
    assert!(error.to_string().contains("inside chunk IDAT"), "{error}");
}

#[test]
fn encoding_refuses_what_cannot_be() {
    let wide = Picture::from_rgb(70_000, 1, vec![0.0; 210_000]);
    for format in [Format::Jpeg, Format::WebP] {
        let error = encode(&wide, format, &EncodeOptions::default()).unwrap_err();
        assert!(error.kind() == Kind::Output && error.to_string().contains("longest side"), "{error}");
    }
    assert!(encode(&Picture::from_rgb(2, 2, vec![0.0; 3]), Format::Png, &EncodeOptions::default()).is_err());
    let (back, _) = through(&Picture::from_rgb(1, 1, vec![f32::NAN, -3.0, 9.0]), Format::Png, &Default::default());
    assert_eq!(back.rgb, [0.0, 0.0, 1.0]);
    assert_eq!(Format::from_path("A.B.JPEG").unwrap(), Format::Jpeg);
    for path in ["x.gif", "noending", ".png"] {
        assert_eq!(Format::from_path(path).unwrap_err().kind(), Kind::Usage, "{path}");
    }
}
