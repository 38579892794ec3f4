//! What a family needs besides the picture, made ready for the plan of its picture network: one file a family.

pub mod datprl;
pub mod pip;

use crate::base::{Error, Kind, Result, Shape};

/// Everything that a plan of the picture network is conditioned on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Conditioning {
    /// `Part::extra` of the picture network.
    pub extra: Vec<u32>,
    /// Further inputs of its plan: name, values in the padded layout.
    pub inputs: Vec<(String, Vec<f32>)>,
    /// What was understood or chosen, for people.
    pub explain: Vec<String>,
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
