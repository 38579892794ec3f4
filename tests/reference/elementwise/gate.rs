//! activation(one half) * other half.

use super::activation::{Kind, activate};
use crate::reference::Plain;

pub fn gate(x: &Plain, kind: Kind, swap: bool) -> Plain {
    let half = x.c / 2;
    Plain::fill(x.n, half, x.h, x.w, |n, c, y, i| {
        let (a, b) = (x.at(n, c, y, i), x.at(n, half + c, y, i));
        if swap { a * activate(b, kind) } else { activate(a, kind) * b }
    })
}
