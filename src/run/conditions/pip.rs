//! PIP: weights of the degradation classes. One class is a one-hot vector, a mixed pair the mean of two, and anything
//! between is allowed.

use super::{Conditioning, repeated};
use crate::base::{Error, Kind, Result, Shape};
use crate::models::pip::TASKS;
use crate::run::Model;

/// How far the sum of weights may lie from 1.
const SLACK: f32 = 1e-3;

/// Degradation classes of the checkpoint.
pub fn classes(model: &Model) -> usize {
    model.network().config()["degradation_num"].as_u64().unwrap_or_default() as usize
}

/// The name of a class: what it restores where the checkpoint has the published classes, else its number.
pub fn class_name(classes: usize, class: usize) -> String {
    match TASKS.get(class) {
        Some(name) if classes == TASKS.len() => (*name).to_owned(),
        _ => format!("class {class}"),
    }
}

/// Weights of `classes` classes from shares of some of them; shares need not sum to 1. Official calls with a class or a
/// pair of classes are equal shares.
pub fn blend(classes: usize, shares: &[(usize, f32)]) -> Result<Vec<f32>> {
    let bad = |why: String| Err(Error::new(Kind::Usage, "these class weights make no sense").why(why));
    let mut weights = vec![0.0; classes];
    for (class, share) in shares {
        let Some(weight) = weights.get_mut(*class) else {
            return bad(format!("there is no class {class}; this checkpoint has {classes}"));
        };
        if !share.is_finite() || *share < 0.0 {
            return bad(format!("the weight {share} of class {class} is no share"));
        }
        *weight += share;
    }
    let sum: f32 = weights.iter().sum();
    if !(sum.is_finite() && sum > 0.0) {
        return bad(format!("they sum to {sum}"));
    }
    weights.iter_mut().for_each(|w| *w /= sum);
    Ok(weights)
}

/// The conditions for `images` pictures from the weights of one picture, or of each: `[1 or images, classes]`, every row
/// summing to 1.
pub fn condition(model: &Model, weights: &[f32], images: u32) -> Result<Conditioning> {
    let classes = classes(model);
    if weights.is_empty() || classes == 0 || !weights.len().is_multiple_of(classes) {
        return Err(Error::new(Kind::Usage, "this PIP checkpoint needs to be told its task")
            .why(format!("got {} class weights, expected {classes}", weights.len()))
            .advice("name a task, or a blend of tasks"));
    }
    let mut explain = Vec::new();
    for row in weights.chunks(classes) {
        let sum: f32 = row.iter().sum();
        if sum.is_nan() || (sum - 1.0).abs() > SLACK {
            return Err(Error::new(Kind::Usage, "class weights must sum to 1").why(format!("{row:?} sum to {sum}")));
        }
        let mut parts: Vec<(usize, f32)> = row.iter().copied().enumerate().filter(|(_, w)| *w != 0.0).collect();
        parts.sort_by(|a, b| b.1.total_cmp(&a.1));
        let parts: Vec<String> = parts.iter().map(|(i, w)| format!("{} {w:.3}", class_name(classes, *i))).collect();
        explain.push(format!("degradation: {}", parts.join(", ")));
    }
    let shape = Shape::new((weights.len() / classes) as u32, 1, 1, classes as u32);
    let values = repeated(&shape, &shape.from_nchw(weights), images)?;
    Ok(Conditioning { inputs: vec![("weights".into(), values)], explain, ..Conditioning::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_pairs_and_shares_are_one_mechanism() {
        assert_eq!(blend(3, &[(1, 1.0)]).unwrap(), [0.0, 1.0, 0.0]);
        assert_eq!(blend(3, &[(0, 1.0), (2, 1.0)]).unwrap(), [0.5, 0.0, 0.5], "a mixed pair is the mean");
        assert_eq!(blend(3, &[(2, 1.0), (2, 1.0)]).unwrap(), [0.0, 0.0, 1.0], "a pair of one class is that class");
        assert_eq!(blend(2, &[(0, 3.0), (1, 1.0)]).unwrap(), [0.75, 0.25]);
    }

    #[test]
    fn shares_that_make_no_sense_are_refused() {
        for bad in [&[(3, 1.0)][..], &[], &[(0, 0.0)], &[(0, -1.0), (1, 2.0)], &[(0, f32::NAN)]] {
            assert_eq!(blend(3, bad).unwrap_err().kind(), Kind::Usage, "{bad:?}");
        }
    }
}
