//! The directory of a zip archive. PyTorch stores members without compression, so a member is a range of the file.

/// A member, with where its bytes lie in the archive; the range has been proven to be inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub name: String,
    pub at: usize,
    pub size: usize,
    /// False where the bytes are compressed, which nobody does to weights.
    pub plain: bool,
}

/// The signature that starts an archive with at least one member.
pub const START: &[u8] = b"PK\x03\x04";

const END: &[u8] = b"PK\x05\x06";
const END_LENGTH: usize = 22;
const MAX_COMMENT: usize = 65_535;

/// All members, or what is wrong with the archive.
pub fn members(file: &[u8]) -> Result<Vec<Member>, String> {
    let end = find_end(file).ok_or("the archive has no end record: the file is cut off")?;
    let (count, mut at) = directory(file, end)?;
    let mut members = Vec::new();
    for _ in 0..count {
        let head = field(file, at, 46)?;
        if !head.starts_with(b"PK\x01\x02") {
            return Err("the archive's directory is damaged".into());
        }
        let (flags, method) = (u16_at(head, 8), u16_at(head, 10));
        let (name_length, extra_length, comment_length) = (u16_at(head, 28), u16_at(head, 30), u16_at(head, 32));
        let name = field(file, at + 46, name_length.into())?;
        let name = String::from_utf8(name.to_vec()).map_err(|_| "a member's name is no UTF-8")?;
        let extra = field(file, at + 46 + usize::from(name_length), extra_length.into())?;
        let wide = Wide::read(head, extra)?;
        if flags & 1 != 0 {
            return Err(format!("member '{name}' is encrypted"));
        }
        members.push(locate(file, name, &wide, method == 0 && wide.stored == wide.size)?);
        at += 46 + usize::from(name_length) + usize::from(extra_length) + usize::from(comment_length);
    }
    Ok(members)
}

/// Sizes and offset of a member, from the zip64 field where the classic ones are saturated.
struct Wide {
    size: u64,
    stored: u64,
    offset: u64,
}

impl Wide {
    fn read(head: &[u8], extra: &[u8]) -> Result<Wide, String> {
        let narrow = |at: usize| u64::from(u32_at(head, at));
        let mut wide = Wide { stored: narrow(20), size: narrow(24), offset: narrow(42) };
        let saturated = u64::from(u32::MAX);
        let mut fields = extra;
        while let Some((id_and_length, rest)) = fields.split_first_chunk::<4>() {
            let length = usize::from(u16_at(id_and_length, 2)).min(rest.len());
            let (body, next) = rest.split_at(length);
            if u16_at(id_and_length, 0) == 1 {
                let mut at = 0;
                // Only the saturated values are present, in this order.
                for value in [&mut wide.size, &mut wide.stored, &mut wide.offset] {
                    if *value == saturated {
                        *value = u64_at(field(body, at, 8)?, 0);
                        at += 8;
                    }
                }
            }
            fields = next;
        }
        Ok(wide)
    }
}

/// The data starts after the local header, whose name and extra field have lengths of their own.
fn locate(file: &[u8], name: String, wide: &Wide, plain: bool) -> Result<Member, String> {
    let outside = || format!("member '{name}' lies outside the file: it is cut off or damaged");
    let header_at = usize::try_from(wide.offset).map_err(|_| outside())?;
    let size = usize::try_from(wide.stored).map_err(|_| outside())?;
    let header = field(file, header_at, 30).map_err(|_| outside())?;
    if !header.starts_with(START) {
        return Err(format!("member '{name}' has no header: the archive is damaged"));
    }
    let at = header_at + 30 + usize::from(u16_at(header, 26)) + usize::from(u16_at(header, 28));
    field(file, at, size).map_err(|_| outside())?;
    Ok(Member { name, at, size, plain })
}

fn find_end(file: &[u8]) -> Option<usize> {
    let last = file.len().checked_sub(END_LENGTH)?;
    let first = last.saturating_sub(MAX_COMMENT);
    (first..=last).rev().find(|&at| {
        // The comment must reach the end of the file exactly: its text may hold the signature too.
        file[at..].starts_with(END) && at + END_LENGTH + usize::from(u16_at(&file[at..], 20)) == file.len()
    })
}

/// The number of members and where the directory starts.
fn directory(file: &[u8], end: usize) -> Result<(u64, usize), String> {
    let record = field(file, end, END_LENGTH)?;
    let (count, offset) = (u16_at(record, 10), u32_at(record, 16));
    let saturated = count == u16::MAX || offset == u32::MAX || u32_at(record, 12) == u32::MAX;
    if !saturated {
        return Ok((count.into(), offset as usize));
    }
    let damaged = "the archive's zip64 end record is damaged";
    let locator = end.checked_sub(20).and_then(|at| file.get(at..end)).ok_or(damaged)?;
    let at = usize::try_from(u64_at(locator, 8)).map_err(|_| damaged)?;
    let record = field(file, at, 56)?;
    if !locator.starts_with(b"PK\x06\x07") || !record.starts_with(b"PK\x06\x06") {
        return Err(damaged.into());
    }
    Ok((u64_at(record, 32), usize::try_from(u64_at(record, 48)).map_err(|_| damaged)?))
}

fn field(file: &[u8], at: usize, length: usize) -> Result<&[u8], String> {
    let end = at.checked_add(length);
    end.and_then(|end| file.get(at..end)).ok_or_else(|| "the archive points outside the file".to_string())
}

// The callers have proven the lengths with `field`.
fn u16_at(b: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([b[at], b[at + 1]])
}

fn u32_at(b: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]])
}

fn u64_at(b: &[u8], at: usize) -> u64 {
    u64::from(u32_at(b, at)) | u64::from(u32_at(b, at + 4)) << 32
}

/// Makes archives for the tests of this floor.
#[cfg(test)]
pub mod testing {
    /// Stored members in the classic form, or with zip64 fields everywhere.
    pub fn archive(members: &[(&str, &[u8])], zip64: bool) -> Vec<u8> {
        let (mut out, mut directory) = (Vec::new(), Vec::new());
        for (name, data) in members {
            let offset = out.len() as u64;
            let size = data.len() as u64;
            out.extend(b"PK\x03\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00");
            out.extend([0; 8]);
            out.extend((name.len() as u16).to_le_bytes());
            out.extend(5u16.to_le_bytes());
            out.extend(name.as_bytes());
            out.extend(b"FB\x01\x00Z");
            out.extend(*data);
            directory.extend(b"PK\x01\x02");
            directory.extend([0; 16]);
            let narrow = |v: u64| if zip64 { u32::MAX } else { v as u32 };
            directory.extend(narrow(size).to_le_bytes());
            directory.extend(narrow(size).to_le_bytes());
            directory.extend((name.len() as u16).to_le_bytes());
            directory.extend((if zip64 { 28u16 } else { 0 }).to_le_bytes());
            directory.extend([0; 10]);
            directory.extend(narrow(offset).to_le_bytes());
            directory.extend(name.as_bytes());
            if zip64 {
                directory.extend([1, 0, 24, 0]);
                for v in [size, size, offset] {
                    directory.extend(v.to_le_bytes());
                }
            }
        }
        let (start, length, count) = (out.len() as u64, directory.len() as u64, members.len() as u64);
        out.extend(&directory);
        if zip64 {
            let end = out.len() as u64;
            out.extend(b"PK\x06\x06");
            out.extend(44u64.to_le_bytes());
            out.extend([0; 12]);
            for v in [count, count, length, start] {
                out.extend(v.to_le_bytes());
            }
            out.extend(b"PK\x06\x07\0\0\0\0");
            out.extend(end.to_le_bytes());
            out.extend(1u32.to_le_bytes());
        }
        out.extend(b"PK\x05\x06\0\0\0\0");
        let count = if zip64 { u16::MAX } else { count as u16 };
        out.extend(count.to_le_bytes());
        out.extend(count.to_le_bytes());
        out.extend((if zip64 { u32::MAX } else { length as u32 }).to_le_bytes());
        out.extend((if zip64 { u32::MAX } else { start as u32 }).to_le_bytes());
        out.extend(0u16.to_le_bytes());
        out
    }
}

#[cfg(test)]
mod tests {
    use super::testing::archive;
    use super::*;

    const TWO: [(&str, &[u8]); 2] = [("a/data.pkl", b"hello"), ("a/data/0", b"12345678")];

    #[test]
    fn members_are_found_with_and_without_zip64() {
        for zip64 in [false, true] {
            let file = archive(&TWO, zip64);
            let found = members(&file).unwrap();
            assert_eq!(found.len(), 2);
            for (m, (name, data)) in found.iter().zip(TWO) {
                assert_eq!((m.name.as_str(), &file[m.at..m.at + m.size]), (name, data), "zip64 {zip64}");
            }
        }
    }

    #[test]
    fn damage_is_named() {
        let file = archive(&TWO, false);
        assert!(members(&file[..file.len() - 1]).unwrap_err().contains("cut off"));
        assert!(members(&[]).unwrap_err().contains("cut off"));
        let mut compressed = file.clone();
        let directory = file.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
        compressed[directory + 10] = 8;
        assert!(!members(&compressed).unwrap()[0].plain && members(&compressed).unwrap()[1].plain);
        let mut encrypted = file.clone();
        encrypted[directory + 8] = 1;
        assert!(members(&encrypted).unwrap_err().contains("encrypted"));
        let mut far = file;
        far[directory + 45] = 0x7f;
        assert!(members(&far).unwrap_err().contains("outside the file"));
    }

    #[test]
    fn no_bent_byte_panics() {
        for zip64 in [false, true] {
            let file = archive(&TWO, zip64);
            for i in 0..file.len() {
                for bend in [0, 0xff, 0x7f, file[i] ^ 1] {
                    let mut bent = file.clone();
                    bent[i] = bend;
                    if let Ok(found) = members(&bent) {
                        assert!(found.iter().all(|m| m.at + m.size <= bent.len()));
                    }
                }
            }
        }
    }
}
