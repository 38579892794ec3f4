//! What a network is told besides the picture, as inputs of its main plan.

pub mod datprl;
pub mod genlv;
pub mod pip;
pub mod sensor;
pub mod shares;
pub mod tasks;
pub mod told;

use std::collections::BTreeMap;

use crate::base::{Error, Kind, Result, Shape};

/// The inputs that condition the main plan of a family, computed once per instruction.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Conditioning {
    /// `Part.extra` of the main plan.
    pub extra: Vec<u32>,
    /// Values for the named inputs, in the padded layout of each.
    pub inputs: Vec<(String, Vec<f32>)>,
    /// What the adapted weights are merged with before the plan runs (see `Model::merge`); empty: nothing is merged.
    pub factors: BTreeMap<String, Vec<f32>>,
    /// What was understood and chosen, for `--explain`.
    pub explain: Vec<String>,
    /// What was asked for and has no effect: said even where nobody asks for an explanation.
    pub unheard: Vec<String>,
}

/// The rows of one or `images` pictures, as `images` rows.
fn repeated(shape: &Shape, values: &[f32], images: u32) -> Result<Vec<f32>> {
    match shape.n {
        n if n == images => Ok(values.to_vec()),
        1 => Ok(values.repeat(images as usize)),
        n => Err(Error::new(Kind::Usage, "the conditions do not fit the batch")
            .why(format!("they are given for {n} pictures, the batch holds {images}"))),
    }
}
