//! HTML character references in a text, read as browsers read them: `&eacute;`, `&amp` without its semicolon, `&#8217;`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

use super::unpack;
use crate::base::Result;

/// The longest thing after an ampersand that is looked up as a name.
const LONGEST: usize = 32;

/// What pages written for Windows mean by the numbers 128 to 159, in which Unicode has only controls.
const WINDOWS: [char; 32] = [
    '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}', '\u{2c6}', '\u{2030}',
    '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}', '\u{90}', '\u{2018}', '\u{2019}', '\u{201c}',
    '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}', '\u{2dc}', '\u{2122}', '\u{161}', '\u{203a}', '\u{153}', '\u{9d}',
    '\u{17e}', '\u{178}',
];

type Names = HashMap<String, String>;

fn names() -> Result<&'static Names> {
    static NAMES: OnceLock<Names> = OnceLock::new();
    if let Some(names) = NAMES.get() {
        return Ok(names);
    }
    let text = unpack(include_bytes!("entities.txt.gz"), "entities.txt.gz")?;
    let parse = |line: &str| {
        let (name, codes) = line.split_once(' ')?;
        let character = |code| char::from_u32(u32::from_str_radix(code, 16).ok()?);
        Some((name.to_string(), codes.split(' ').map(character).collect::<Option<String>>()?))
    };
    Ok(NAMES.get_or_init(|| text.lines().filter_map(parse).collect()))
}

/// Replaces all references once.
pub fn unescape(text: &str) -> Result<Cow<'_, str>> {
    if !text.contains('&') {
        return Ok(Cow::Borrowed(text));
    }
    let names = names()?;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let read = match rest.strip_prefix('#') {
            Some(number) => numbered(number, &mut out).map(|used| used + 1),
            None => named(rest, names, &mut out),
        };
        match read {
            Some(used) => rest = &rest[used..],
            None => out.push('&'),
        }
    }
    out.push_str(rest);
    Ok(Cow::Owned(out))
}

/// `text` starts after `&#`. Returns the bytes that belong to the number.
fn numbered(text: &str, out: &mut String) -> Option<usize> {
    let (radix, prefix) = if text.starts_with(['x', 'X']) { (16, 1) } else { (10, 0) };
    let digits = text[prefix..].bytes().take_while(|b| char::from(*b).is_digit(radix)).count();
    if digits == 0 {
        return None;
    }
    // A number too long for u32 is past Unicode as well.
    let code = u32::from_str_radix(&text[prefix..prefix + digits], radix).unwrap_or(u32::MAX);
    match code {
        0 => out.push('\u{fffd}'),
        0x80..=0x9f => out.push(WINDOWS[code as usize - 0x80]),
        // Controls and codes that are no characters vanish.
        1..=8 | 0xb | 0xe..=0x1f | 0x7f | 0xfdd0..=0xfdef => {}
        _ if code & 0xfffe == 0xfffe && code <= 0x10_ffff => {}
        _ => out.push(char::from_u32(code).unwrap_or('\u{fffd}')),
    }
    let used = prefix + digits;
    Some(used + usize::from(text[used..].starts_with(';')))
}

/// `text` starts after `&`. A name that is not known may begin with one that is.
fn named(text: &str, names: &Names, out: &mut String) -> Option<usize> {
    let stops = |c: char| matches!(c, '\t' | '\n' | '\x0c' | ' ' | '<' | '&' | '#' | ';');
    let mut end = 0;
    for c in text.chars().take(LONGEST) {
        if stops(c) {
            break;
        }
        end += c.len_utf8();
    }
    if end == 0 {
        return None;
    }
    let whole = end + usize::from(text[end..].starts_with(';'));
    if let Some(value) = names.get(&text[..whole]) {
        out.push_str(value);
        return Some(whole);
    }
    let known = (2..whole).rev().find_map(|n| Some((n, names.get(text.get(..n)?)?)));
    known.map(|(used, value)| {
        out.push_str(value);
        used
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_as_browsers_read_them() {
        for (text, plain) in [
            ("plain", "plain"),
            ("&lt;b&gt; &amp;amp; &quot;q&quot;", "<b> &amp; \"q\""),
            ("caf&eacute; caf&eacute &notit; &notin;", "café café ¬it; ∉"),
            ("&#65;&#x42;&#X43 &#8217;", "ABC \u{2019}"),
            ("&#128;&#150;&#0;&#xD800;&#99999999999;", "€\u{2013}\u{fffd}\u{fffd}\u{fffd}"),
            ("a&#1;b&#xFFFE;c&#31;", "abc"),
            ("& && &; &unknown; &#; &#x; &", "& && &; &unknown; &#; &#x; &"),
            ("&fjlig; &NotEqualTilde;", "fj \u{2242}\u{338}"),
            ("&é&lt", "&é<"),
        ] {
            assert_eq!(unescape(text).unwrap(), plain, "{text}");
        }
        assert_eq!(names().unwrap().len(), 2231);
    }
}
