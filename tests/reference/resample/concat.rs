//! Channels of a, then channels of b.

use crate::reference::Plain;

pub fn concat(a: &Plain, b: &Plain) -> Plain {
    Plain::fill(a.n, a.c + b.c, a.h, a.w, |n, c, y, x| if c < a.c { a.at(n, c, y, x) } else { b.at(n, c - a.c, y, x) })
}
