//! Which family the measurements speak for.

use std::collections::BTreeMap;

use super::super::verify::rel_l2;
use crate::base::{DType, Error, Kind, Result};
use crate::kernel::Contraction;

/// Relative L2 distance from the plain loops up to which a family computes the right thing: far above the roundings of each
/// storage, and for f32 below those of operands that were shortened.
const fn agreement(precision: DType) -> f64 {
    match precision {
        DType::F32 => 1e-4,
        DType::F16 => 5e-3,
    }
}

/// A family that is not clearly faster is not worth its risk, and a time is not that exact.
const GAIN: f64 = 0.95;

/// What a family did on one trial.
pub struct Run {
    /// Quads of K.
    pub depth: u32,
    pub precision: DType,
    pub seconds: f64,
    /// The probed output.
    pub output: Vec<f32>,
}

/// What a family did on all trials, in the order of their depths and of the precisions of each; or why it could not.
pub type Measured = Result<Vec<Run>>;

/// The fastest family that is `right` on every trial and in every precision. Matrices are taken from that depth on from
/// which they are faster than tiles, in the precisions that have any. A driver may refuse a kernel that others take, or
/// miscompile it: then it is no candidate here.
pub fn fastest_right(measured: Vec<(Contraction, Measured)>, right: &[Vec<f32>]) -> Result<Contraction> {
    let agrees = |runs: &[Run]| {
        let each = runs.len() / right.len().max(1);
        runs.chunks(each.max(1))
            .zip(right)
            .all(|(runs, right)| runs.iter().all(|run| rel_l2(&run.output, right) < agreement(run.precision)))
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
    let tiles = usable.iter().position(|(family, _)| *family == Contraction::TILED);
    let best = usable.iter().filter_map(|(family, runs)| match (*family, tiles) {
        (Contraction::Cooperative { lanes, f32, f16, .. }, Some(tiles)) => {
            let served = |run: &&Run| family.side(run.precision) != 0;
            let (depth, gained) = shared_out(usable[tiles].1.iter().filter(served), runs.iter().filter(served))?;
            Some((Contraction::Cooperative { lanes, f32, f16, depth }, total(&usable[tiles].1) - gained))
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

/// The depth from which matrices are faster on this and every deeper trial, and the seconds that they save there; `None` if
/// they are not on the deepest.
fn shared_out<'a>(
    tiles: impl DoubleEndedIterator<Item = &'a Run>,
    matrices: impl DoubleEndedIterator<Item = &'a Run>,
) -> Option<(u32, f64)> {
    let mut depths: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
    for (t, m) in tiles.zip(matrices) {
        let sums = depths.entry(m.depth).or_default();
        *sums = (sums.0 + t.seconds, sums.1 + m.seconds);
    }
    let faster = depths.iter().rev().take_while(|(_, (tiles, matrices))| *matrices < GAIN * tiles);
    let (first, gained) = faster.fold((None, 0.0), |(_, gained), (depth, (t, m))| (Some(*depth), gained + t - m));
    Some((first?, gained))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBGROUP: Contraction = Contraction::Subgroup { lanes: 8, cols: 2 };
    const MATRICES: Contraction = Contraction::Cooperative { lanes: 32, f32: 0, f16: 16, depth: 0 };

    fn run(depth: u32, precision: DType, seconds: f64, output: &[f32]) -> Run {
        Run { depth, precision, seconds, output: output.to_vec() }
    }

    #[test]
    fn a_family_that_computes_wrongly_is_never_chosen() {
        let right = [1.0, 2.0, 3.0];
        let bent = [1.0, 2.0, 3.1];
        let half = [1.001, 2.0, 3.0];
        // In both precisions.
        let both = |seconds: f64, f32: &[f32], f16: &[f32]| -> Measured {
            Ok(vec![run(12, DType::F32, seconds, f32), run(12, DType::F16, seconds, f16)])
        };
        let refused = || -> Measured { Err(Error::new(Kind::Device, "refused")) };
        let of =
            |a: Measured, b: Measured| fastest_right(vec![(Contraction::TILED, a), (SUBGROUP, b)], &[right.to_vec()]);
        let good = |seconds| both(seconds, &right, &half);
        assert_eq!(of(good(2.0), good(1.0)).unwrap(), SUBGROUP);
        assert_eq!(of(good(2.0), both(1.0, &right, &bent)).unwrap(), Contraction::TILED);
        assert_eq!(of(good(2.0), both(1.0, &half, &right)).unwrap(), Contraction::TILED, "too rough for f32");
        assert_eq!(of(both(1.0, &[f32::NAN; 3], &right), good(2.0)).unwrap(), SUBGROUP, "the first too");
        assert_eq!(of(refused(), good(2.0)).unwrap(), SUBGROUP);
        let none = of(both(1.0, &bent, &bent), both(1.0, &bent, &bent)).unwrap_err();
        assert_eq!((none.kind(), none.what()), (Kind::Device, "this device computes wrong sums"));
        assert_eq!(of(refused(), both(1.0, &bent, &bent)).unwrap_err().what(), "refused");
    }

    #[test]
    fn matrices_are_taken_from_the_depth_where_they_pay() {
        let right = vec![vec![1.0], vec![2.0], vec![3.0]];
        // The matrices are for f16; what f32 takes is chance.
        let runs = |f16: [f64; 3], f32: f64| -> Measured {
            let one = |i: usize| {
                let depth = 12 << i;
                [run(depth, DType::F32, f32, &right[i]), run(depth, DType::F16, f16[i], &right[i])]
            };
            Ok((0..3).flat_map(one).collect())
        };
        let chosen = |tiles, matrices| {
            let all = vec![(Contraction::TILED, runs(tiles, 1.0)), (MATRICES, runs(matrices, 9.0))];
            fastest_right(all, &right).unwrap()
        };
        let from = |depth| Contraction::Cooperative { lanes: 32, f32: 0, f16: 16, depth };
        assert_eq!(chosen([1.0, 2.0, 4.0], [0.5, 1.0, 2.0]), from(12));
        assert_eq!(chosen([1.0, 2.0, 4.0], [9.0, 1.0, 2.0]), from(24), "though they lose in sum");
        assert_eq!(chosen([1.0, 2.0, 4.0], [0.5, 9.0, 2.0]), from(48), "what lies between would be a guess");
        assert_eq!(chosen([1.0, 2.0, 4.0], [0.5, 1.0, 5.0]), Contraction::TILED);
        assert_eq!(chosen([1.0, 2.0, 4.0], [0.5, 1.0, 3.9]), Contraction::TILED, "that may be chance");
        let alone = fastest_right(vec![(MATRICES, runs([1.0, 1.0, 1.0], 1.0))], &right).unwrap();
        assert_eq!(alone, MATRICES, "where tiles are wrong there is nothing to leave the others to");
    }
}
