use vernis::ops::resample::channel_slice::ChannelSlice;

use crate::reference::resample::channel_slice::channel_slice;
use crate::support::case::{Case, Input};
use crate::support::compare::Tolerance;

fn case(name: &str, first: u32, channels: u32, input: Input) -> Case {
    Case::new(name, ChannelSlice { first, channels }, vec![input], Tolerance::Exact, move |g| {
        channel_slice(&g.inputs[0], first as usize, channels as usize)
    })
}

pub fn cases() -> Vec<Case> {
    vec![
        case("the first", 0, 8, Input::new(2, 3, 5, &[12])),
        case("the first, no whole quad", 0, 6, Input::new(1, 3, 5, &[12])),
        case("from within a quad on", 6, 6, Input::new(2, 5, 3, &[12])),
        case("across quads, odd", 3, 7, Input::new(1, 2, 9, &[13])),
        case("padded with zeros", 0, 19, Input::new(2, 3, 3, &[10])),
        case("cut and padded", 5, 9, Input::new(1, 3, 3, &[7])),
        case("one channel", 0, 1, Input::new(1, 1, 1, &[1])),
    ]
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &[crate::support::gpu::native()]);
}
