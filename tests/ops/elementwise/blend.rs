use vernis::base::Channels;
use vernis::checkpoint::low_rank::{Addition, Deltas};
use vernis::checkpoint::prepack::Pack;
use vernis::ops::conv::depthwise::Depthwise;
use vernis::ops::elementwise::blend::Blend;

use crate::reference::Plain;
use crate::reference::conv::depthwise::depthwise;
use crate::reference::elementwise::blend::blend;
use crate::support::case::{Case, Given, Input};
use crate::support::compare::Tolerance;

const DELTAS: [&str; 5] = ["delta0", "delta1", "delta2", "delta3", "delta4"];

fn weights(g: &Given, tasks: u32, kernel: u32) -> Plain {
    let deltas: Vec<&[f64]> = DELTAS[..tasks as usize].iter().map(|key| g.weight(key)).collect();
    blend(&g.inputs[0], g.weight("weight"), &deltas, (kernel * kernel) as usize)
}

fn with_weights(mut case: Case, tasks: u32, kernel: u32, channels: &Channels) -> Case {
    let shape = [channels.logical(), 1, kernel, kernel];
    case = case.weight("weight", &shape, -1.0, 1.0);
    for key in &DELTAS[..tasks as usize] {
        case = case.weight(key, &shape, -1.0, 1.0);
    }
    let terms = DELTAS[..tasks as usize].iter().map(|k| (*k).to_owned()).collect();
    let (weight, channels) = ("weight".to_owned(), channels.clone());
    case.param(Pack::Depthwise { weight: weight.clone(), kernel, channels: channels.clone() })
        .param(Pack::Addition(Addition::Deltas(Deltas { weight, kernel, channels, terms })))
}

fn alone(name: &str, n: u32, tasks: u32, kernel: u32, segments: &[u32]) -> Case {
    let channels = Channels::split(segments.to_vec());
    let op = Blend { rows: kernel * kernel, channels: channels.clone(), tasks };
    let case =
        Case::new(name, op, vec![Input::new(n, 1, 1, &[tasks])], Tolerance::Sum, move |g| weights(g, tasks, kernel));
    with_weights(case, tasks, kernel, &channels)
}

/// A depthwise convolution whose weights are blended for each image.
fn applied(name: &str, tasks: u32, kernel: u32, x: Input) -> Case {
    let channels = x.shape.c.clone();
    let op = Blend { rows: kernel * kernel, channels: channels.clone(), tasks };
    let inputs = vec![Input::new(x.shape.n, 1, 1, &[tasks]), x];
    let case = Case::chain(
        name,
        inputs,
        Tolerance::Sum,
        move |g, x, p| {
            let w = g.add("blend", op.clone(), &x[..1], p)?;
            g.add("case", Depthwise { dynamic: true, ..Depthwise::new(kernel, false) }, &[x[1], w], &[])
        },
        move |g| {
            let (w, x) = (weights(g, tasks, kernel), &g.inputs[1]);
            let image = w.c * w.w;
            let one = |n: usize| {
                let picture = Plain::fill(1, x.c, x.h, x.w, |_, c, y, i| x.at(n, c, y, i));
                depthwise(&picture, &w.v[n * image..][..image], None, kernel as usize)
            };
            let all: Vec<Plain> = (0..x.n).map(one).collect();
            Plain::fill(x.n, x.c, x.h, x.w, |n, c, y, i| all[n].at(0, c, y, i))
        },
    );
    with_weights(case, tasks, kernel, &channels).half(Tolerance::Half)
}

pub fn cases() -> Vec<Case> {
    vec![
        alone("two tasks, batch", 3, 2, 3, &[6]),
        alone("five tasks, segments", 1, 5, 3, &[5, 5]),
        alone("one task, one channel", 1, 1, 1, &[1]),
        applied("3x3 with weights of each image", 3, 3, Input::new(2, 5, 9, &[7])),
        applied("7x7 with weights of each image", 2, 7, Input::new(3, 8, 3, &[4])),
    ]
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &[crate::support::gpu::native()]);
}
