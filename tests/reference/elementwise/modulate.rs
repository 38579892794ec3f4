//! x * feature * (1 + prompt * scale) + prompt * shift; scale and shift are given per image and channel.

use crate::reference::Plain;

pub fn modulate(x: &Plain, scale: Option<&Plain>, shift: Option<&Plain>, feature: f64, prompt: f64) -> Plain {
    Plain::fill(x.n, x.c, x.h, x.w, |n, c, y, i| {
        let scale = scale.map_or(0.0, |s| s.at(n, c, 0, 0));
        let shift = shift.map_or(0.0, |s| s.at(n, c, 0, 0));
        x.at(n, c, y, i) * feature * (1.0 + prompt * scale) + prompt * shift
    })
}
