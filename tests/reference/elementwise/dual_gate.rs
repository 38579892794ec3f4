//! activation(a) * b + activation(b) * a, a and b the two halves of the channels.

use super::activation::{Kind, activate};
use crate::reference::Plain;

pub fn dual_gate(x: &Plain, kind: Kind) -> Plain {
    let half = x.c / 2;
    Plain::fill(x.n, half, x.h, x.w, |n, c, y, i| {
        let (a, b) = (x.at(n, c, y, i), x.at(n, half + c, y, i));
        activate(a, kind) * b + activate(b, kind) * a
    })
}
