//! Which way task weights take to the kernels: merged into the network's weights (paid once, whenever the weights
//! change) or computed beside it (paid for every pixel). The rule is that of renting and buying: stay beside the network
//! until that has cost as much as a merge would have, then merge. Whatever comes next, the total is at most twice that of
//! the better way in hindsight.

use super::merge;
use super::model::Model;
use super::plan::PlanKey;
use crate::base::Result;
use crate::gpu::Gpu;
use crate::graph::lower::lower;
use crate::models::instruct_ipt::Way;

/// What both ways cost, in floating-point operations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Costs {
    /// One merge.
    pub merge: u64,
    /// Of each pixel beside the network.
    pub beside: f64,
}

/// Time of an operation of a merge over that of one beside the network. A merge is many small dispatches that read and
/// write every adapted weight for few operations. benches/adapters.rs measured 8 and 23 for its two networks on a software
/// adapter (llvmpipe, two busy cores), 14 and 30 on another day; GPUs were not measured.
const MERGE_WEIGHT: f64 = 20.0;

/// The weights a model was told last, and what they have cost since.
#[derive(Debug, Clone, Default)]
pub struct Adapting {
    weights: Vec<f32>,
    spent: f64,
    merged: bool,
    pub costs: Option<Costs>,
}

impl Adapting {
    /// The way for a picture of `pixels` under `weights`.
    pub fn choose(&mut self, weights: &[f32], pixels: u64, costs: Costs) -> Way {
        if self.weights != weights {
            *self = Adapting { weights: weights.to_vec(), costs: self.costs, ..Adapting::default() };
        }
        self.spent += pixels as f64 * costs.beside;
        self.merged |= self.spent >= MERGE_WEIGHT * costs.merge as f64;
        if self.merged { Way::Merged } else { Way::Fused }
    }
}

/// Counts both ways of the part of `merged` and `fused`, which differ in `extra` alone. Work beside the network grows
/// with the pixels, so any size tells the cost of one.
pub fn costs(model: &Model, gpu: &Gpu, merged: &PlanKey, fused: &PlanKey) -> Result<Costs> {
    let graph = model.graph(gpu, merged, &[])?;
    let own = lower(&graph)?.1.flops;
    let with = lower(&model.graph(gpu, fused, &[])?)?.1.flops;
    let pixels = f64::from(merged.part.n * merged.part.h * merged.part.w);
    Ok(Costs { merge: merge::flops(gpu, &graph.params), beside: with.saturating_sub(own) as f64 / pixels })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A merge costs as much as ten pixels beside the network.
    const COSTS: Costs = Costs { merge: 100, beside: 10.0 * MERGE_WEIGHT };

    #[test]
    fn a_large_picture_is_merged_at_once_and_a_small_one_is_not() {
        assert_eq!(Adapting::default().choose(&[1.0], 10, COSTS), Way::Merged);
        assert_eq!(Adapting::default().choose(&[1.0], 9, COSTS), Way::Fused);
    }

    #[test]
    fn small_pictures_are_merged_when_they_have_paid_for_it() {
        let mut told = Adapting::default();
        let ways: Vec<Way> = (0..4).map(|_| told.choose(&[0.5], 4, COSTS)).collect();
        assert_eq!(ways, [Way::Fused, Way::Fused, Way::Merged, Way::Merged]);
    }

    #[test]
    fn weights_that_change_with_every_picture_never_pay_for_a_merge() {
        let mut told = Adapting::default();
        for i in 0..20 {
            assert_eq!(told.choose(&[i as f32], 9, COSTS), Way::Fused);
        }
        assert_eq!(told.choose(&[19.0], 9, COSTS), Way::Merged, "the same again");
    }
}
