//! One error type: what failed, why, and what to do about it.

use std::fmt;

/// The class of a failure. It decides the exit code of the program and lets a host react without parsing text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Anything without a class of its own.
    Other,
    /// The request itself makes no sense (flags, options, an instruction the model does not follow).
    Usage,
    /// No adapter that may be used.
    NoDevice,
    /// The plan can never fit the memory budget or the device limits.
    Memory,
    /// The model was not found.
    ModelMissing,
    /// The output guard refused the result (NaN, infinite, or constant values).
    Guard,
    /// An input picture cannot be read.
    Image,
    /// A checkpoint is damaged, does not match its architecture, or holds values that are no numbers.
    Checkpoint,
    /// An output cannot be written.
    Output,
    /// An input is larger than the limits allow.
    TooLarge,
    /// The device failed while it worked (device lost, driver error).
    Device,
    /// The work was cancelled.
    Cancelled,
}

impl Kind {
    /// The exit code of the program for this class; 0 is success and 3 means "some files failed".
    pub const fn exit_code(self) -> u8 {
        match self {
            Kind::Other => 1,
            Kind::Usage => 2,
            Kind::NoDevice => 4,
            Kind::Memory => 5,
            Kind::ModelMissing => 6,
            Kind::Guard => 7,
            Kind::Image => 8,
            Kind::Checkpoint => 9,
            Kind::Output => 10,
            Kind::TooLarge => 11,
            Kind::Device => 12,
            Kind::Cancelled => 130,
        }
    }
}

/// An error with its three sentences. `Display` prints them as `what: why (advice)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: Kind,
    what: String,
    why: String,
    advice: String,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Text of unknown origin as one harmless line: names from files may hold what clears a terminal or forges a line of its
/// own, or run on for pages.
pub fn shown(text: &str) -> String {
    let plain = |c: char| !c.is_control();
    if text.chars().all(plain) && text.len() <= LONGEST {
        return text.to_owned();
    }
    let one = |c: char| match c {
        '\n' | '\t' => vec![' '],
        c if plain(c) => vec![c],
        c => c.escape_default().collect(),
    };
    let mut line: String = text.chars().take(LONGEST).flat_map(one).collect();
    if text.chars().nth(LONGEST).is_some() {
        line.push_str("...");
    }
    line
}

/// Characters of a text that are shown.
const LONGEST: usize = 4000;

impl Error {
    /// `what` names the thing that failed, with its path or node.
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        Error { kind, what: shown(&what.into()), why: String::new(), advice: String::new() }
    }

    /// The reason, as close to the cause as is known.
    #[must_use]
    pub fn why(mut self, why: impl fmt::Display) -> Self {
        self.why = shown(&why.to_string());
        self
    }

    /// What the reader can do now.
    #[must_use]
    pub fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = shown(&advice.into());
        self
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub fn what(&self) -> &str {
        &self.what
    }

    pub fn reason(&self) -> &str {
        &self.why
    }

    pub fn what_to_do(&self) -> &str {
        &self.advice
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if !self.why.is_empty() {
            write!(f, ": {}", self.why)?;
        }
        if !self.advice.is_empty() {
            write!(f, " ({})", self.advice)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_files_say_cannot_draw_on_the_terminal() {
        assert_eq!(shown("grüße, 日本"), "grüße, 日本");
        assert_eq!(shown("a\u{1b}[2J\nlicence MIT"), "a\\u{1b}[2J licence MIT");
        let e = Error::new(Kind::Other, "x\r").why("y\u{7}").advice("z\t");
        assert!(e.to_string().chars().all(|c| !c.is_control()), "{e}");
        assert_eq!(shown(&"w".repeat(9000)).len(), LONGEST + 3);
    }
}
