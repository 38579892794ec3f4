use vernis::base::Channels;
use vernis::checkpoint::prepack::Pack;
use vernis::ops::conv::depthwise::Depthwise;

use crate::reference::conv::depthwise::depthwise;
use crate::reference::elementwise::activation::activate;
use crate::reference::elementwise::gate::gate;
use crate::support::case::{Case, Input};
use crate::support::compare::Tolerance;
use crate::table::elementwise::activation::KINDS;

/// What follows the convolution.
#[derive(Clone, Copy)]
enum After {
    Nothing,
    Activation(usize),
    Gate(usize),
}

fn case(name: &str, kernel: u32, bias: bool, after: After, input: Input) -> Case {
    let mut op = Depthwise::new(kernel, bias);
    match after {
        After::Nothing => {}
        After::Activation(i) => op.activation = KINDS[i].0,
        After::Gate(i) => op.gate = Some(KINDS[i].0),
    }
    let channels: Channels = input.shape.c.clone();
    let count = channels.logical();
    let mut out = Case::new(name, op, vec![input], Tolerance::Sum, move |g| {
        let y = depthwise(&g.inputs[0], g.weight("weight"), g.optional("bias"), kernel as usize);
        match after {
            After::Nothing => y,
            After::Activation(i) => y.map(|v| activate(v, KINDS[i].1)),
            After::Gate(i) => gate(&y, KINDS[i].1, false),
        }
    })
    .weight("weight", &[count, 1, kernel, kernel], -0.5, 0.5)
    .param(Pack::Depthwise { weight: "weight".into(), kernel, channels: channels.clone() });
    if bias {
        out = out.weight("bias", &[count], -1.0, 1.0).param(Pack::Vector { key: "bias".into(), channels });
    }
    out
}

pub fn cases() -> Vec<Case> {
    use After::{Activation as Act, Gate, Nothing};
    vec![
        case("3x3", 3, false, Nothing, Input::new(2, 5, 9, &[7])),
        case("3x3 with bias, whole strips", 3, true, Nothing, Input::new(1, 3, 16, &[48])),
        case("3x3 on one pixel", 3, true, Nothing, Input::new(1, 1, 1, &[1])),
        case("3x3 on one row", 3, true, Nothing, Input::new(1, 1, 8, &[4])),
        case("3x3 on one column", 3, false, Nothing, Input::new(1, 19, 1, &[4])),
        case("3x3 then gelu", 3, true, Act(2), Input::new(1, 4, 17, &[5])),
        case("3x3 then gelu gate", 3, false, Gate(2), Input::new(1, 6, 7, &[127, 127])),
        case("3x3 then simple gate, batch", 3, true, Gate(0), Input::new(2, 5, 11, &[6, 6])),
        case("3x3 on more rows than one slide", 3, true, Nothing, Input::new(1, 35, 6, &[9])),
        case("3x3 then gate on more rows than one slide", 3, true, Gate(0), Input::new(2, 17, 5, &[3, 3])),
        case("5x5", 5, true, Nothing, Input::new(1, 6, 10, &[9])),
        case("7x7", 7, true, Nothing, Input::new(2, 9, 13, &[10])),
        case("7x7 larger than the picture", 7, true, Nothing, Input::new(1, 2, 3, &[4])),
        case("7x7 then gate", 7, false, Gate(3), Input::new(1, 8, 9, &[5, 5])),
    ]
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &[crate::support::gpu::native()]);
}
