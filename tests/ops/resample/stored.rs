use vernis::base::Channels;
use vernis::checkpoint::prepack::Pack;
use vernis::ops::resample::stored::Stored;

use crate::reference::resample::stored::stored;
use crate::support::case::{Case, Input};
use crate::support::compare::Tolerance;

fn case(name: &str, n: u32, side: u32, channels: u32) -> Case {
    let op = Stored { h: side, w: side, channels };
    Case::new(name, op, vec![Input::new(n, 1, 1, &[5])], Tolerance::Exact, move |g| {
        stored(g.weight("picture"), n as usize, (channels as usize, side as usize, side as usize))
    })
    .weight("picture", &[1, channels, side, side], -1.0, 1.0)
    .param(Pack::Depthwise { weight: "picture".into(), kernel: side, channels: Channels::one(channels) })
}

pub fn cases() -> Vec<Case> {
    vec![case("batch", 3, 6, 10), case("odd", 2, 7, 5), case("whole quads", 1, 16, 32), case("one element", 1, 1, 1)]
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &[crate::support::gpu::native()]);
}
