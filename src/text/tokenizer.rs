//! The byte-pair tokenizer of CLIP's text towers.
//!
//! A text becomes words, a word becomes its UTF-8 bytes, and neighbours are merged in the order in which training found
//! them worth merging. Ids: 256 bytes, the same 256 as the last of a word, one id a merge, start, end.

use std::collections::HashMap;
use std::sync::OnceLock;

use regex::Regex;

use super::{clean, unpack};
use crate::base::{Error, Kind, Result};

/// Rows of the position table: every text is cut or filled to this length.
pub const LENGTH: usize = 77;

const MERGES: usize = 48_894;
const START: u16 = 49_406;
const END: u16 = 49_407;

/// What fills the rest of the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pad {
    /// The end token again (OpenAI's towers, Stable Diffusion 1).
    End,
    /// Id 0 (OpenCLIP's towers, Stable Diffusion 2).
    Zero,
}

pub struct Tokenizer {
    /// The id that two neighbours become. Ids of merges rise with their rank, so the least id is merged first.
    merges: HashMap<(u16, u16), u16>,
    /// The id of each byte inside a word; 256 more at the end of one.
    bytes: [u16; 256],
    words: Regex,
}

impl Tokenizer {
    /// The tokenizer of CLIP, made once.
    pub fn clip() -> Result<&'static Tokenizer> {
        static CLIP: OnceLock<Tokenizer> = OnceLock::new();
        match CLIP.get() {
            Some(ready) => Ok(ready),
            None => {
                let made = Tokenizer::read(&unpack(include_bytes!("vocabulary.txt.gz"), "vocabulary.txt.gz")?)?;
                Ok(CLIP.get_or_init(|| made))
            }
        }
    }

    /// From the list of merges, two symbols a line.
    fn read(list: &str) -> Result<Tokenizer> {
        let bad = |why: String| Error::new(Kind::Other, "the built-in vocabulary").why(why);
        let (bytes, stand_ins) = stand_ins();
        let mut ids: HashMap<String, u16> = HashMap::with_capacity(MERGES + 512);
        for (id, c) in stand_ins.into_iter().enumerate() {
            ids.insert(c.to_string(), id as u16);
            ids.insert(format!("{c}</w>"), id as u16 + 256);
        }
        let mut merges = HashMap::with_capacity(MERGES);
        for (rank, line) in list.lines().enumerate() {
            let pair = line.split_once(' ').and_then(|(a, b)| Some((*ids.get(a)?, *ids.get(b)?, [a, b].concat())));
            let (a, b, whole) = pair.ok_or_else(|| bad(format!("line {} is no merge of known symbols", rank + 1)))?;
            let id = u16::try_from(512 + rank).map_err(|_| bad("it has too many lines".into()))?;
            ids.insert(whole, id);
            merges.insert((a, b), id);
        }
        if merges.len() != MERGES {
            return Err(bad(format!("it has {} merges, expected {MERGES}", merges.len())));
        }
        let words = "(?i)<start_of_text>|<end_of_text>|'s|'t|'re|'ve|'m|'ll|'d|\\p{L}+|\\p{N}|[^\\s\\p{L}\\p{N}]+";
        Ok(Tokenizer { merges, bytes, words: Regex::new(words).map_err(|e| bad(e.to_string()))? })
    }

    /// The ids of a text without start, end and padding.
    pub fn body(&self, text: &str) -> Result<Vec<u16>> {
        let text = clean::clean(text)?;
        let mut out = Vec::new();
        for word in self.words.find_iter(&text) {
            match word.as_str() {
                "<start_of_text>" => out.push(START),
                "<end_of_text>" => out.push(END),
                word => self.merge(word, &mut out),
            }
        }
        Ok(out)
    }

    /// A row of [`LENGTH`] ids. What does not fit is cut off, and the row ends with the end token all the same.
    pub fn encode(&self, text: &str, pad: Pad) -> Result<Vec<i32>> {
        let body = self.body(text)?;
        let mut row = vec![i32::from(START)];
        row.extend(body.into_iter().take(LENGTH - 2).map(i32::from));
        row.push(i32::from(END));
        row.resize(LENGTH, if pad == Pad::End { i32::from(END) } else { 0 });
        Ok(row)
    }

    fn merge(&self, word: &str, out: &mut Vec<u16>) {
        let mut symbols: Vec<u16> = word.bytes().map(|b| self.bytes[usize::from(b)]).collect();
        if let Some(last) = symbols.last_mut() {
            *last += 256;
        }
        let merged = |pair: &[u16]| self.merges.get(&(pair[0], pair[1])).copied();
        while let Some(best) = symbols.windows(2).filter_map(merged).min() {
            let (mut read, mut write) = (0, 0);
            while read < symbols.len() {
                let joins = symbols.get(read..read + 2).and_then(merged) == Some(best);
                symbols[write] = if joins { best } else { symbols[read] };
                (read, write) = (read + 1 + usize::from(joins), write + 1);
            }
            symbols.truncate(write);
        }
        out.extend(symbols);
    }
}

/// The vocabulary spells bytes as printable characters: the printable ones of Latin-1 stand for themselves and have the
/// first ids, the others follow as U+0100, U+0101, ... Returns the id of each byte and the character of each id.
fn stand_ins() -> ([u16; 256], Vec<char>) {
    let printable = |b: &u8| matches!(b, 33..=126 | 161..=172 | 174..=255);
    let (mut ids, mut characters) = ([0; 256], Vec::with_capacity(256));
    for b in (0..=255u8).filter(printable) {
        ids[usize::from(b)] = characters.len() as u16;
        characters.push(char::from(b));
    }
    for (b, c) in (0..=255u8).filter(|b| !printable(b)).zip('\u{100}'..) {
        ids[usize::from(b)] = characters.len() as u16;
        characters.push(c);
    }
    (ids, characters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> Vec<u16> {
        Tokenizer::clip().unwrap().body(text).unwrap()
    }

    #[test]
    fn words_digits_and_apostrophes() {
        assert_eq!(body("A photo of a CAT"), [320, 1125, 539, 320, 2368]);
        assert_eq!(body("Performance image restoration deraining"), [2714, 2867, 11989, 839, 64, 1389]);
        assert_eq!(body("123"), [272, 273, 274], "every digit is a word");
        assert_eq!(body("it's"), [585, 568]);
        assert!(body(" \t").is_empty());
    }

    #[test]
    fn rows_are_filled_and_cut() {
        let clip = Tokenizer::clip().unwrap();
        let row = clip.encode("a", Pad::Zero).unwrap();
        assert_eq!((row.len(), &row[..4]), (LENGTH, &[49_406, 320, 49_407, 0][..]));
        assert_eq!(clip.encode("a", Pad::End).unwrap()[2..], [49_407; 75]);
        let long = clip.encode(&"cat ".repeat(500), Pad::Zero).unwrap();
        assert_eq!((long.len(), long[75], long[76]), (LENGTH, 2368, 49_407));
    }

    #[test]
    fn every_id_is_used_once() {
        let clip = Tokenizer::clip().unwrap();
        let mut ids: Vec<u16> = clip.merges.values().copied().collect();
        ids.sort_unstable();
        assert!(ids.iter().copied().eq(512..START));
        let mut bytes = clip.bytes.to_vec();
        bytes.sort_unstable();
        assert!(bytes.into_iter().eq(0..256));
    }

    #[test]
    fn a_damaged_vocabulary_is_refused() {
        for list in ["", "a b", "a b c d\n", "zz y"] {
            assert!(Tokenizer::read(list).is_err());
        }
    }
}
