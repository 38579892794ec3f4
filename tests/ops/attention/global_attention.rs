use vernis::ops::attention::global_attention::GlobalAttention;

use crate::reference::attention::global_attention::global_attention;
use crate::support::case::{Case, Input};
use crate::support::compare::Tolerance;

/// q, k and v in tensors of their own.
fn apart(name: &str, heads: u32, channels: u32, causal: bool, q: (u32, u32), k: (u32, u32), reach: f64) -> Case {
    let c = vec![channels; heads as usize];
    let op = GlobalAttention { heads, channels, segments: (0, 0, 0), causal };
    let inputs = vec![
        Input::new(q.0, 1, q.1, &c).range(-reach, reach),
        Input::new(k.0, 1, k.1, &c).range(-reach, reach),
        Input::new(k.0, 1, k.1, &c),
    ];
    Case::new(name, op, inputs, Tolerance::Sum, move |g| {
        global_attention(&g.inputs[0], &g.inputs[1], &g.inputs[2], heads as usize, causal)
    })
}

/// q, k and v in one tensor.
fn fused(name: &str, heads: u32, channels: u32, n: u32, h: u32, w: u32) -> Case {
    let count = heads as usize;
    let op = GlobalAttention { heads, channels, segments: (0, count, 2 * count), causal: false };
    let input = Input::new(n, h, w, &vec![channels; 3 * count]);
    let build = move |g: &mut vernis::graph::Graph, x: &[vernis::kernel::TensorId], _: &[vernis::kernel::ParamId]| {
        g.add("case", op.clone(), &[x[0], x[0], x[0]], &[])
    };
    Case::chain(name, vec![input], Tolerance::Sum, build, move |g| {
        let inner = (heads * channels) as usize;
        let part = |i: usize| g.inputs[0].channels(i * inner, inner);
        global_attention(&part(0), &part(1), &part(2), heads as usize, false)
    })
}

pub fn cases() -> Vec<Case> {
    vec![
        apart("cross, batch", 2, 8, false, (2, 70), (2, 33), 2.0),
        apart("one prompt for two pictures", 2, 6, false, (2, 10), (1, 16), 2.0),
        apart("one key", 1, 4, false, (1, 5), (1, 1), 2.0),
        apart("one query, one key, one channel", 1, 1, false, (1, 1), (1, 1), 2.0),
        apart("odd channels, five heads", 5, 3, false, (1, 7), (1, 9), 2.0),
        apart("wide heads", 1, 48, false, (1, 65), (1, 130), 2.0),
        // The head widths of a diffusion network's two lower levels.
        apart("heads of 80", 2, 80, false, (1, 9), (1, 13), 2.0),
        apart("heads of 160", 2, 160, false, (1, 5), (1, 7), 2.0),
        // Logits to about 150: without the running maximum exp overflows.
        apart("large logits", 1, 16, false, (1, 66), (1, 80), 9.0),
        apart("causal", 2, 8, true, (2, 77), (2, 77), 2.0),
        apart("causal, wide heads", 1, 72, true, (2, 37), (2, 37), 2.0),
        apart("causal, fewer keys than queries", 1, 8, true, (1, 70), (1, 19), 2.0),
        fused("self", 2, 8, 2, 5, 7),
        fused("self on one pixel", 3, 5, 1, 1, 1),
    ]
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &crate::support::gpu::contractions());
}
