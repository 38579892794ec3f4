//! What a file is and how large it claims to be, from its first bytes, before any decoder allocates anything.
//! Also what a damaged file lacks, in words better than a decoder's.

/// The containers vernis reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    Png,
    Jpeg,
    Tiff,
    WebP,
}

/// The answer of [`sniff`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sniff {
    Readable(Container),
    /// A format known by name that is not read.
    Other(&'static str),
    Text,
    Unknown,
}

/// Recognises a file by content; its name does not matter.
pub fn sniff(bytes: &[u8]) -> Sniff {
    let starts = |magic: &[u8]| bytes.starts_with(magic);
    let at = |offset: usize, magic: &[u8]| bytes.get(offset..).is_some_and(|b| b.starts_with(magic));
    if starts(b"\x89PNG\r\n\x1a\n") {
        return Sniff::Readable(Container::Png);
    }
    if starts(&[0xff, 0xd8, 0xff]) {
        return Sniff::Readable(Container::Jpeg);
    }
    if starts(b"RIFF") && at(8, b"WEBP") {
        return Sniff::Readable(Container::WebP);
    }
    if starts(b"IIRO") || starts(b"IIU\0") || (starts(b"II*\0") && at(8, b"CR")) {
        return Sniff::Other("camera raw");
    }
    if [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"].iter().any(|magic| starts(*magic)) {
        return Sniff::Readable(Container::Tiff);
    }
    if at(4, b"ftyp") {
        let brand = bytes.get(8..12).unwrap_or_default();
        return Sniff::Other(match brand {
            b"avif" | b"avis" => "AVIF",
            b"heic" | b"heix" | b"hevc" | b"mif1" | b"msf1" => "HEIC",
            b"crx " => "camera raw (CR3)",
            _ => "video (MP4)",
        });
    }
    let named: [(&[u8], &str); 15] = [
        (b"GIF8", "GIF"),
        (b"BM", "BMP"),
        (b"8BPS", "Photoshop (PSD)"),
        (b"\xff\x0a", "JPEG XL"),
        (b"\0\0\0\x0cJXL ", "JPEG XL"),
        (b"\0\0\0\x0cjP  ", "JPEG 2000"),
        (b"\xff\x4f\xff\x51", "JPEG 2000"),
        (b"\x76\x2f\x31\x01", "OpenEXR"),
        (b"#?RADIANCE", "Radiance HDR"),
        (b"%PDF", "PDF"),
        (b"DDS ", "DDS"),
        (b"qoif", "QOI"),
        (b"\0\0\x01\0", "ICO"),
        (b"FUJIFILM", "camera raw (RAF)"),
        (b"gimp xcf", "GIMP (XCF)"),
    ];
    if let Some((_, name)) = named.iter().find(|(magic, _)| starts(magic)) {
        return Sniff::Other(name);
    }
    if let [b'P', b'1'..=b'7', b' ' | b'\n' | b'\r' | b'\t', ..] = bytes {
        return Sniff::Other("PNM");
    }
    let head = &bytes[..bytes.len().min(1024)];
    let printable = |b: &u8| matches!(b, b'\t' | b'\n' | b'\r' | 0x20..=0x7e | 0x80..);
    if !head.is_empty() && head.iter().all(printable) {
        let svg = head.windows(4).any(|w| w == b"<svg");
        return if svg { Sniff::Other("SVG") } else { Sniff::Text };
    }
    Sniff::Unknown
}

/// What a walk over the structure of a file finds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// Width and height the header claims.
    pub size: Option<(u32, u32)>,
    /// What is missing, if the pixels cannot be complete.
    pub missing: Option<String>,
    /// Things the reader should hear although the pixels are whole.
    pub remarks: Vec<String>,
    /// An Adobe segment is there: CMYK values are stored inverted.
    pub adobe: bool,
    /// Image resources of all APP13 segments, the IPTC record among them; empty where there are none.
    pub iptc: Vec<u8>,
}

/// What the APP13 segments begin with that hold image resources.
pub const RESOURCES: &[u8] = b"Photoshop 3.0\0";

/// Says that a resolution is lost, unless it is one of those that programs write when they know none.
fn note_resolution(survey: &mut Survey, dots_an_inch: f64) {
    if ![0.0, 1.0, 72.0, 96.0].contains(&dots_an_inch.round()) {
        survey.remarks.push(format!("the resolution of {dots_an_inch:.0} dots an inch is not kept"));
    }
}

/// Walks the chunks of a PNG.
pub fn survey_png(bytes: &[u8]) -> Survey {
    let mut survey = Survey::default();
    let mut at = 8;
    let (mut pixels, mut described, mut texts, mut gamma, mut primaries) = (false, false, false, None, false);
    loop {
        let Some(head) = bytes.get(at..at + 8) else {
            let what = if pixels { "the end (IEND)" } else { "all pixel data (IDAT)" };
            let text = format!("the file ends after {} bytes without {what}", bytes.len());
            // Without IEND but after whole IDAT chunks, the decoder knows whether the pixels are complete.
            if pixels {
                survey.remarks.push(text)
            } else {
                survey.missing = Some(text)
            }
            return survey;
        };
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let kind = &head[4..8];
        let body = bytes.get(at + 8..).and_then(|b| b.get(..length));
        match (kind, body) {
            (b"IHDR", Some(b)) if b.len() >= 8 => survey.size = Some((be32(b, 0), be32(b, 4))),
            (b"acTL", _) => survey.remarks.push("the picture is animated: only the first frame is read".into()),
            (b"cICP", _) => survey.remarks.push("the cICP colour description is not kept".into()),
            (b"iCCP" | b"sRGB", _) => described = true,
            (b"pHYs", Some([.., 1])) => note_resolution(&mut survey, 0.0254 * f64::from(be32(&bytes[at + 8..], 0))),
            (b"gAMA", Some(b)) if b.len() == 4 => gamma = Some(be32(b, 0)),
            (b"cHRM", Some(b)) => primaries = (0..8).any(|i| be32(b, 4 * i) != SRGB_PRIMARIES[i]),
            (b"tEXt" | b"zTXt", _) => texts = true,
            (b"iTXt", Some(b)) if !b.starts_with(b"XML:com.adobe.xmp") => texts = true,
            (b"IEND", _) => {
                if texts {
                    survey.remarks.push("the texts of the PNG are not kept".into());
                }
                // 45455 is what sRGB writes.
                if let Some(gamma) = gamma.filter(|g| !described && *g != 45_455) {
                    let gamma = f64::from(gamma) / 1e5;
                    survey
                        .remarks
                        .push(format!("the gamma of {gamma} (gAMA) is not used: the pixels are taken as sRGB"));
                }
                if primaries && !described {
                    survey.remarks.push("the primaries (cHRM) are not used: the pixels are taken as sRGB".into());
                }
                return survey;
            }
            _ => {}
        }
        pixels |= kind == b"IDAT";
        // A chunk is its length, its name, its body and a checksum.
        if bytes.len() - at < length.saturating_add(12) {
            let name = String::from_utf8_lossy(kind);
            let have = (bytes.len() - at).saturating_sub(8).min(length);
            survey.missing = Some(format!(
                "the file ends after {} bytes, inside chunk {name}: {have} of {length} bytes are there",
                bytes.len()
            ));
            return survey;
        }
        at += length + 12;
    }
}

/// White, red, green and blue of sRGB as PNG writes them: x and y, times 100000.
const SRGB_PRIMARIES: [u32; 8] = [31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000];

fn be32(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
}

/// Walks the segments of a JPEG up to the end of the first picture. Decoders fill a cut JPEG with grey and call it
/// done; the missing end marker tells.
pub fn survey_jpeg(bytes: &[u8]) -> Survey {
    let mut survey = Survey::default();
    let mut at = 2;
    let mut scan = false;
    while let Some(offset) = bytes.get(at..).and_then(|b| b.iter().position(|b| *b == 0xff)) {
        at += offset;
        let Some(&marker) = bytes.get(at + 1) else { break };
        match marker {
            // Fill byte, or bytes of the entropy coded data: a stuffed 0xff, a restart marker.
            0xff => at += 1,
            0x00 | 0x01 | 0xd0..=0xd8 => at += 2,
            0xd9 => return survey,
            _ => {
                let Some(length) = bytes.get(at + 2..at + 4).map(|b| usize::from(u16::from_be_bytes([b[0], b[1]])))
                else {
                    break;
                };
                let body = bytes.get(at + 4..(at + 2 + length).min(bytes.len())).unwrap_or_default();
                match (marker, body) {
                    // Start of frame, all kinds of coding; c4, c8 and cc are other tables in the same range.
                    (0xc0..=0xcf, [_, h0, h1, w0, w1, ..]) if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                        let be = |a: &u8, b: &u8| u32::from(u16::from_be_bytes([*a, *b]));
                        survey.size = Some((be(w0, w1), be(h0, h1)));
                    }
                    (0xee, [b'A', b'd', b'o', b'b', b'e', ..]) => survey.adobe = true,
                    (0xed, b) => survey.iptc.extend(b.strip_prefix(RESOURCES).unwrap_or_default()),
                    // Units: 1 dots an inch, 2 dots a centimetre; 0 tells the shape of a pixel.
                    (0xe0, [b'J', b'F', b'I', b'F', 0, _, _, unit @ 1..=2, x0, x1, ..]) => {
                        let density = f64::from(u16::from_be_bytes([*x0, *x1]));
                        note_resolution(&mut survey, if *unit == 2 { 2.54 * density } else { density });
                    }
                    (0xfe, _) => survey.remarks.push("the comment of the JPEG is not kept".into()),
                    (0xda, _) => scan = true,
                    _ => {}
                }
                at += 2 + length;
            }
        }
    }
    let part = match (survey.size, scan) {
        (None, _) => "before the picture size",
        (_, false) => "before the pixel data",
        _ => "inside the pixel data, without the end marker",
    };
    survey.missing = Some(format!("the file ends after {} bytes, {part}", bytes.len()));
    survey
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let length = (body.len() as u32).to_be_bytes();
        [&length, &kind[..], body, &[0; 4]].concat()
    }

    #[test]
    fn formats_are_told_by_content() {
        assert_eq!(sniff(b"GIF89a"), Sniff::Other("GIF"));
        assert_eq!(sniff(b"\0\0\0\x20ftypheic"), Sniff::Other("HEIC"));
        assert_eq!(sniff("grüße, kein bild\n".as_bytes()), Sniff::Text);
        assert_eq!(sniff(b"<?xml version='1.0'?><svg>"), Sniff::Other("SVG"));
        assert_eq!(sniff(&[0, 1, 2, 3]), Sniff::Unknown);
        assert_eq!(sniff(&[]), Sniff::Unknown);
        assert_eq!(sniff(b"II*\0\x08\0\0\0"), Sniff::Readable(Container::Tiff));
        assert_eq!(sniff(b"P6 2 2 255"), Sniff::Other("PNM"));
    }

    #[test]
    fn png_survey_says_what_is_missing() {
        let size = [60_000_u32.to_be_bytes(), 7_u32.to_be_bytes()].concat();
        let head = [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"IHDR", &[&size[..], &[8, 2, 0, 0, 0]].concat())].concat();
        let only_header = survey_png(&head);
        assert_eq!(only_header.size, Some((60_000, 7)));
        assert!(only_header.missing.is_some_and(|m| m.contains("IDAT")));
        let mut cut = [head.clone(), chunk(b"IDAT", &[0; 100])].concat();
        cut.truncate(cut.len() - 54);
        assert!(survey_png(&cut).missing.is_some_and(|m| m.contains("inside chunk IDAT: 50 of 100")));
        let whole = [head, chunk(b"IDAT", &[0; 9]), chunk(b"IEND", &[])].concat();
        assert_eq!(survey_png(&whole).missing, None);
        // A length of 4 GiB must not overflow anything.
        assert!(survey_png(b"\x89PNG\r\n\x1a\n\xff\xff\xff\xffIHDRabcd").missing.is_some());
    }

    #[test]
    fn jpeg_survey_finds_size_and_end() {
        let start = [0xff, 0xd8, 0xff, 0xe1, 0, 6, 0xff, 0xd9, 1, 2, 0xff, 0xc0, 0, 8, 8, 0, 9, 0, 5, 1];
        let survey = survey_jpeg(&start);
        assert_eq!(survey.size, Some((5, 9)), "the end marker inside a segment is not the end");
        assert!(survey.missing.is_some_and(|m| m.contains("before the pixel data")));
        let data = [&start[..], &[0xff, 0xda, 0, 3, 0, 0x12, 0xff, 0, 0xff, 0xd0, 0x34]].concat();
        assert!(survey_jpeg(&data).missing.is_some_and(|m| m.contains("inside the pixel data")));
        assert_eq!(survey_jpeg(&[&data[..], &[0xff, 0xd9]].concat()).missing, None);
    }

    #[test]
    fn primaries_that_nothing_else_describes_are_noted() {
        let png = |primaries: [u32; 8], more: &[u8]| {
            let body: Vec<u8> = primaries.iter().flat_map(|v| v.to_be_bytes()).collect();
            let chunks = [chunk(b"cHRM", &body), more.to_vec(), chunk(b"IEND", &[])].concat();
            survey_png(&[b"\x89PNG\r\n\x1a\n".to_vec(), chunks].concat()).remarks
        };
        let adobe = [31_270, 32_900, 64_000, 33_000, 21_000, 71_000, 15_000, 6_000];
        assert_eq!(png(adobe, &[]), ["the primaries (cHRM) are not used: the pixels are taken as sRGB"]);
        assert!(png(adobe, &chunk(b"sRGB", &[0])).is_empty() && png(SRGB_PRIMARIES, &[]).is_empty());
    }

    #[test]
    fn a_resolution_that_somebody_chose_is_noted() {
        let jpeg = |unit: u8, density: u8| {
            let jfif = [0xff, 0xe0, 0, 16, b'J', b'F', b'I', b'F', 0, 1, 1, unit, 0, density, 0, density, 0, 0];
            survey_jpeg(&[&[0xff, 0xd8], &jfif[..], &[0xff, 0xd9]].concat()).remarks
        };
        assert_eq!(jpeg(2, 118), ["the resolution of 300 dots an inch is not kept"]);
        assert!(jpeg(1, 72).is_empty() && jpeg(0, 1).is_empty());
        let pixels = [&11_811_u32.to_be_bytes()[..], &11_811_u32.to_be_bytes(), &[1]].concat();
        let png = [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"pHYs", &pixels), chunk(b"IEND", &[])].concat();
        assert_eq!(survey_png(&png).remarks, ["the resolution of 300 dots an inch is not kept"]);
    }
}
