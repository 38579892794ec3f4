//! Mean and 1 / deviation of groups of neighbouring channels, from the moments of each channel in each chunk.

use super::group_moments::chunk;
use crate::reference::Plain;

/// `[n, 4, 1, groups]`: mean, 1 / deviation, 0, 0.
pub fn group_stats(moments: &Plain, groups: usize, pixels: usize, eps: f64) -> Plain {
    let per = moments.c / groups;
    let all = (pixels * per) as f64;
    let members = |g: usize| (g * per..(g + 1) * per).flat_map(|c| (0..moments.h).map(move |i| (c, i)));
    let count = |i: usize| chunk(pixels, moments.h, i).len() as f64;
    Plain::fill(moments.n, 4, 1, groups, |n, lane, _, g| {
        let mean = members(g).map(|(c, i)| count(i) * moments.at(n, c, i, 0)).sum::<f64>() / all;
        let squares: f64 =
            members(g).map(|(c, i)| moments.at(n, c, i, 1) + count(i) * (moments.at(n, c, i, 0) - mean).powi(2)).sum();
        match lane {
            0 => mean,
            1 => 1.0 / (squares / all + eps).sqrt(),
            _ => 0.0,
        }
    })
}
