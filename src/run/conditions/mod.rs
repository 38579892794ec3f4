//! What a network is told besides the picture, as inputs of its main plan.

pub mod genlv;
pub mod tasks;

/// The inputs that condition the main plan of a family, computed once per instruction.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Conditioning {
    /// `Part.extra` of the main plan.
    pub extra: Vec<u32>,
    /// Values for the named inputs, in the padded layout of each.
    pub inputs: Vec<(String, Vec<f32>)>,
    /// What was understood and chosen, for `--explain`.
    pub explain: Vec<String>,
}
