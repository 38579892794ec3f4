//! Which family the measurements speak for.

use super::super::verify::rel_l2;
use crate::base::{Error, Kind, Result};
use crate::kernel::Contraction;

/// Relative L2 distance from the plain loops up to which a family computes the right thing, in f16 storage too.
const AGREEMENT: f64 = 5e-3;

/// What a family did on one trial.
pub struct Run {
    /// Quads of K.
    pub depth: u32,
    /// The precisions added up.
    pub seconds: f64,
    /// The probed outputs in every precision.
    pub outputs: Vec<Vec<f32>>,
}

/// What a family did on all trials, in the order of their depths; or why it could not.
pub type Measured = Result<Vec<Run>>;

/// The fastest family that is `right` on every trial and in every precision. Matrices are taken from that depth on from
/// which they are faster than tiles. A driver may refuse a kernel that others take, or miscompile it: then it is no
/// candidate here.
pub fn fastest_right(measured: Vec<(Contraction, Measured)>, right: &[Vec<f32>]) -> Result<Contraction> {
    let agrees = |runs: &[Run]| {
        runs.iter().zip(right).all(|(run, right)| run.outputs.iter().all(|o| rel_l2(o, right) < AGREEMENT))
    };
    let mut refused = None;
    let mut usable = Vec::new();
    for (family, result) in measured {
        match result {
            Ok(runs) if agrees(&runs) => usable.push((family, runs)),
            Ok(_) => {}
            Err(e) => refused = Some(e),
        }
    }
    let total = |runs: &[Run]| runs.iter().map(|run| run.seconds).sum::<f64>();
    let tiles = usable.iter().position(|(family, _)| *family == Contraction::Tiled);
    let best = usable.iter().filter_map(|(family, runs)| match (*family, tiles) {
        (Contraction::Cooperative { lanes, f32, f16, .. }, Some(tiles)) => {
            let (depth, seconds) = shared_out(&usable[tiles].1, runs)?;
            Some((Contraction::Cooperative { lanes, f32, f16, depth }, seconds))
        }
        (family, _) => Some((family, total(runs))),
    });
    match (best.min_by(|a, b| a.1.total_cmp(&b.1)), refused) {
        (Some((family, _)), _) => Ok(family),
        (None, Some(e)) => Err(e),
        (None, None) => Err(Error::new(Kind::Device, "this device computes wrong sums")
            .why("every contraction kernel differs from plain loops on the CPU, so every picture would be wrong")
            .advice("update its driver, or choose another with --device; `vernis doctor` lists what fails")),
    }
}

/// The depth from which matrices are faster on this and every deeper trial, and the seconds of all trials when the others
/// are left to tiles; `None` if they lose on the deepest.
fn shared_out(tiles: &[Run], matrices: &[Run]) -> Option<(u32, f64)> {
    let faster = tiles.iter().zip(matrices).rev().take_while(|(t, m)| m.seconds < t.seconds).count();
    let first = matrices.len() - faster;
    let depth = matrices.get(first)?.depth;
    let seconds = tiles[..first].iter().chain(&matrices[first..]).map(|run| run.seconds).sum();
    Some((depth, seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBGROUP: Contraction = Contraction::Subgroup { lanes: 8, cols: 2 };
    const MATRICES: Contraction = Contraction::Cooperative { lanes: 32, f32: 0, f16: 16, depth: 0 };

    fn once(seconds: f64, outputs: Vec<Vec<f32>>) -> Measured {
        Ok(vec![Run { depth: 12, seconds, outputs }])
    }

    #[test]
    fn a_family_that_computes_wrongly_is_never_chosen() {
        let right = vec![1.0, 2.0, 3.0];
        let bent = vec![1.0, 2.0, 3.1];
        let half = vec![1.001, 2.0, 3.0];
        let refused = || Error::new(Kind::Device, "refused");
        let of = |a: Measured, b: Measured| {
            fastest_right(vec![(Contraction::Tiled, a), (SUBGROUP, b)], std::slice::from_ref(&right))
        };
        assert_eq!(of(once(2.0, vec![right.clone()]), once(1.0, vec![half])).unwrap(), SUBGROUP);
        let mixed = once(1.0, vec![right.clone(), bent.clone()]);
        assert_eq!(of(once(2.0, vec![right.clone()]), mixed).unwrap(), Contraction::Tiled);
        let nothing = once(1.0, vec![vec![f32::NAN; 3]]);
        assert_eq!(of(nothing, once(2.0, vec![right.clone()])).unwrap(), SUBGROUP, "the first too");
        assert_eq!(of(Err(refused()), once(2.0, vec![right.clone()])).unwrap(), SUBGROUP);
        let none = of(once(1.0, vec![bent.clone()]), once(1.0, vec![bent.clone()])).unwrap_err();
        assert_eq!((none.kind(), none.what()), (Kind::Device, "this device computes wrong sums"));
        assert_eq!(of(Err(refused()), once(1.0, vec![bent])).unwrap_err().what(), "refused");
    }

    #[test]
    fn matrices_are_taken_from_the_depth_where_they_pay() {
        let right = vec![vec![1.0], vec![2.0], vec![3.0]];
        let runs = |seconds: [f64; 3]| -> Measured {
            let run = |(i, s): (usize, f64)| Run { depth: 12 << i, seconds: s, outputs: vec![right[i].clone()] };
            Ok(seconds.into_iter().enumerate().map(run).collect())
        };
        let chosen = |tiles, matrices| {
            fastest_right(vec![(Contraction::Tiled, runs(tiles)), (MATRICES, runs(matrices))], &right).unwrap()
        };
        let from = |depth| Contraction::Cooperative { lanes: 32, f32: 0, f16: 16, depth };
        assert_eq!(chosen([1.0, 2.0, 4.0], [0.5, 1.0, 2.0]), from(12));
        assert_eq!(chosen([1.0, 2.0, 4.0], [9.0, 1.0, 2.0]), from(24), "though they lose in sum");
        assert_eq!(chosen([1.0, 2.0, 4.0], [0.5, 9.0, 2.0]), from(48), "what lies between would be a guess");
        assert_eq!(chosen([1.0, 2.0, 4.0], [0.5, 1.0, 5.0]), Contraction::Tiled);
        let alone = fastest_right(vec![(MATRICES, runs([1.0, 1.0, 1.0]))], &right).unwrap();
        assert_eq!(alone, MATRICES, "where tiles are wrong there is nothing to leave the others to");
    }
}
