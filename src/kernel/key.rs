//! The identity of a compiled pipeline: a shader, its defines and its override constants.

use super::generated::FILES;
use super::source::{self, Defines};
use crate::base::{Error, Kind, Result};

/// Two dispatches with equal keys share one pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Path below shaders/ without the extension.
    pub shader: &'static str,
    /// Textual axes such as DTYPE.
    pub defines: Defines,
    /// Pipeline-overridable constants.
    pub constants: Vec<(&'static str, u32)>,
}

impl Key {
    pub fn new(shader: &'static str) -> Self {
        Key { shader, defines: Defines::new(), constants: Vec::new() }
    }

    #[must_use]
    pub fn define(mut self, name: &str, value: impl ToString) -> Self {
        self.defines.insert(name.to_owned(), value.to_string());
        self
    }

    #[must_use]
    pub fn constant(mut self, name: &'static str, value: u32) -> Self {
        self.constants.push((name, value));
        self
    }

    /// The WGSL text, with parameters in immediates or in a uniform window, for a device whose packing of f16 truncates or
    /// rounds.
    pub fn wgsl(&self, immediates: bool, truncates: bool) -> Result<String> {
        let mut defines = self.defines.clone();
        defines.insert(source::IMMEDIATES.into(), u8::from(immediates).to_string());
        defines.insert(source::TRUNCATES.into(), u8::from(truncates).to_string());
        source::assemble(self.shader, &defines, &file)
            .map_err(|e| Error::new(Kind::Other, format!("cannot assemble the shader {}", self.shader)).why(e))
    }
}

/// The text of a file of shaders/, by its path without extension.
pub fn file(path: &str) -> Option<&'static str> {
    FILES.iter().find(|(name, _)| *name == path).map(|(_, text)| *text)
}
