//! What happens to a text before it is cut into tokens.

use super::entities::unescape;
use crate::base::Result;

/// Light repair, references resolved twice, one space for every run of white space, lower case.
pub fn clean(text: &str) -> Result<String> {
    let text = repair(text);
    let once = unescape(&text)?;
    let twice = unescape(&once)?;
    // The four information separators count as white space in the program that defined this.
    let space = |c: char| c.is_whitespace() || ('\x1c'..='\x1f').contains(&c);
    let words: Vec<&str> = twice.split(space).filter(|w| !w.is_empty()).collect();
    Ok(words.join(" ").to_lowercase())
}

/// What keyboards and copied pages do to plain text: curly quotes, full-width letters, ligatures, stray controls. The
/// repair of wrongly decoded text, which the original program also does, is left out: it is guesswork.
fn repair(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{2018}'..='\u{201b}' | '\u{2bc}' => out.push('\''),
            '\u{201c}'..='\u{201f}' => out.push('"'),
            '\u{ff01}'..='\u{ff5e}' => out.push(char::from_u32(c as u32 - 0xfee0).unwrap_or(c)),
            '\u{fb00}' => out.push_str("ff"),
            '\u{fb01}' => out.push_str("fi"),
            '\u{fb02}' => out.push_str("fl"),
            '\u{fb03}' => out.push_str("ffi"),
            '\u{fb04}' => out.push_str("ffl"),
            '\0'..='\x08' | '\x0b' | '\x0e'..='\x1b' | '\x7f' | '\u{feff}' => {}
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cleaned_in_order() {
        for (text, plain) in [
            ("  Hello \t\n World\u{a0}! ", "hello world !"),
            ("&amp;lt;B&amp;gt;", "<b>"),
            ("\u{201c}Smart\u{201d} don\u{2019}t", "\"smart\" don't"),
            ("ＦＵＬＬ ﬁ", "full fi"),
            ("a\u{1c}b\u{0}c", "a bc"),
            ("ΟΔΟΣ İ", "οδος i\u{307}"),
            ("", ""),
        ] {
            assert_eq!(clean(text).unwrap(), plain);
        }
    }
}
