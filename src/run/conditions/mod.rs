//! What a network is told besides the picture, turned into what its main plan needs.

pub mod tasks;

/// The answer to an instruction.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Conditioning {
    /// `Part::extra` of the main part.
    pub extra: Vec<u32>,
    /// Inputs of the main plan besides the picture, in the padded layout of each.
    pub inputs: Vec<(String, Vec<f32>)>,
    /// What was understood, in words, a line each.
    pub explain: Vec<String>,
}
