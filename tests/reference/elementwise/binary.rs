//! Sum or product; the second operand may hold one value per image and channel.

use crate::reference::Plain;

pub fn binary(a: &Plain, b: &Plain, multiply: bool) -> Plain {
    let one = b.h == 1 && b.w == 1;
    Plain::fill(a.n, a.c, a.h, a.w, |n, c, y, x| {
        let v = if one { b.at(n, c, 0, 0) } else { b.at(n, c, y, x) };
        if multiply { a.at(n, c, y, x) * v } else { a.at(n, c, y, x) + v }
    })
}
