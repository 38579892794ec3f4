//! Channels from `first` on, zero beyond the input's last.

use crate::reference::Plain;

pub fn channel_slice(x: &Plain, first: usize, channels: usize) -> Plain {
    Plain::fill(x.n, channels, x.h, x.w, |n, c, y, i| if first + c < x.c { x.at(n, first + c, y, i) } else { 0.0 })
}
