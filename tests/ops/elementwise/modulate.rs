use vernis::ops::elementwise::modulate::Modulate;

use crate::reference::elementwise::modulate::modulate;
use crate::support::case::{Case, Input};
use crate::support::compare::Tolerance;

fn case(name: &str, scale: bool, shift: bool, (n, h, w): (u32, u32, u32), segments: &[u32]) -> Case {
    let op = Modulate { feature: 0.6, prompt: 0.4, scale, shift };
    let mut inputs = vec![Input::new(n, h, w, segments)];
    if scale || shift {
        let parts = usize::from(scale) + usize::from(shift);
        inputs.push(Input::new(n, 1, 1, &segments.repeat(parts)));
    }
    let c = segments.iter().sum::<u32>() as usize;
    Case::new(name, op, inputs, Tolerance::Near, move |g| {
        let part = |i: usize| g.inputs[1].channels(i * c, c);
        let scaled = scale.then(|| part(0));
        let shifted = shift.then(|| part(usize::from(scale)));
        modulate(&g.inputs[0], scaled.as_ref(), shifted.as_ref(), f64::from(0.6f32), f64::from(0.4f32))
    })
}

pub fn cases() -> Vec<Case> {
    vec![
        case("scale and shift, batch", true, true, (2, 5, 7), &[6]),
        case("shift alone, batch", false, true, (3, 3, 4), &[5]),
        case("scale alone", true, false, (2, 3, 5), &[7]),
        case("two segments", true, true, (2, 3, 3), &[5, 127]),
        case("a factor alone", false, false, (1, 9, 3), &[10]),
        case("one element", true, true, (1, 1, 1), &[1]),
    ]
}

#[test]
fn computes_what_it_is_defined_to() {
    crate::support::case::check(cases(), &[crate::support::gpu::native()]);
}
