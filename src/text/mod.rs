//! Floor 1: words. The tokenizer that text towers were trained with, and plain-language instructions.

mod classifier;
mod clean;
mod entities;
pub mod instruction;
mod sentence;
pub mod tokenizer;
mod words;

pub use instruction::{Understood, understand};
pub use tokenizer::{Pad, Tokenizer};

use std::io::Read;

use crate::base::{Error, Kind, Result};

/// A text file that is part of the program.
fn unpack(packed: &[u8], name: &str) -> Result<String> {
    let mut text = String::new();
    let read = flate2::read::GzDecoder::new(packed).read_to_string(&mut text);
    read.map_err(|e| Error::new(Kind::Other, format!("the built-in file {name}")).why(e))?;
    Ok(text)
}
