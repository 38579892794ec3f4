use vernis::checkpoint::prepack::Pack;
use vernis::ops::Activation;
use vernis::ops::norm::group_moments::GroupMoments;
use vernis::ops::norm::group_norm::GroupNorm;
use vernis::ops::norm::group_stats::GroupStats;

use crate::reference::elementwise::activation::{Kind, activate};
use crate::reference::norm::group_norm::{group_norm, whole_group_norm};
use crate::support::case::{Case, Input};
use crate::support::compare::Tolerance;

fn with_weights(case: Case, input: &Input) -> Case {
    let channels = &input.shape.c;
    ["weight", "bias"].into_iter().fold(case, |case, key| {
        let pack = Pack::Vector { key: key.into(), channels: channels.clone() };
        case.weight(key, &[channels.logical()], -1.0, 2.0).param(pack)
    })
}

/// The last step alone.
fn apply(name: &str, groups: u32, silu: bool, input: Input) -> Case {
    let stats = Input::new(input.shape.n, 1, groups, &[4]).f32().range(0.5, 1.5);
    let activation = if silu { Activation::Silu } else { Activation::None };
    let op = GroupNorm { groups, activation };
    let case = Case::new(name, op, vec![input.clone(), stats], Tolerance::Sum, move |g| {
        let y = group_norm(&g.inputs[0], &g.inputs[1], g.weight("weight"), g.weight("bias"));
        if silu { y.map(|v| activate(v, Kind::Silu)) } else { y }
    });
    with_weights(case, &input)
}

/// All three steps against the definition.
fn whole(name: &str, groups: u32, chunks: u32, input: Input) -> Case {
    let pixels = input.shape.pixels();
    let eps = 1e-5;
    let build = move |g: &mut vernis::graph::Graph, x: &[vernis::kernel::TensorId], p: &[vernis::kernel::ParamId]| {
        let moments = g.add("moments", GroupMoments { chunks }, x, &[])?;
        let stats = g.add("stats", GroupStats { groups, eps, pixels }, &[moments], &[])?;
        g.add("case", GroupNorm { groups, activation: Activation::None }, &[x[0], stats], p)
    };
    let case = Case::chain(name, vec![input.clone()], Tolerance::Sum, build, move |g| {
        whole_group_norm(&g.inputs[0], groups as usize, f64::from(eps), g.weight("weight"), g.weight("bias"))
    });
    with_weights(case, &input)
}

pub fn cases() -> Vec<Case> {
    vec![
        apply("groups of ten channels", 4, false, Input::new(2, 3, 5, &[40])),
        apply("groups of one channel, SiLU", 8, true, Input::new(1, 3, 3, &[8])),
        apply("groups across two segments", 4, false, Input::new(1, 4, 5, &[6, 10])),
        apply("one group of odd channels", 1, true, Input::new(1, 2, 2, &[7])),
        whole("all steps", 8, 4, Input::new(2, 9, 7, &[48])),
        whole("all steps, two segments", 4, 3, Input::new(1, 6, 6, &[6, 10])),
        whole("all steps, one pixel", 2, 1, Input::new(2, 1, 1, &[10])),
        whole("all steps, a mean far from zero", 2, 2, Input::new(1, 8, 8, &[8]).range(100.0, 101.0)),
    ]
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &[crate::support::gpu::native()]);
}
