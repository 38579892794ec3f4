//! Pools tensors into buffers: two tensors share a slot when their lifetimes do not overlap.
//!
//! Greedy by size: tensors are placed from the largest down, each into the first slot that is free for its whole
//! lifetime. A slot is as large as its first tensor, so nothing placed later grows it. One buffer a slot: WebGPU
//! forbids binding one buffer read-only and writable in one dispatch, so a single arena cannot work.

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

/// Assigns slots.
pub fn pool(mut lives: Vec<Life>) -> Pool {
    lives.sort_by(|a, b| b.bytes.cmp(&a.bytes).then(a.alive.start().cmp(b.alive.start())));
    let mut slots: Vec<(u64, Vec<RangeInclusive<usize>>)> = Vec::new();
    let mut slot_of = Vec::with_capacity(lives.len());
    for life in lives {
        let overlaps = |r: &RangeInclusive<usize>| r.start() <= life.alive.end() && life.alive.start() <= r.end();
        let found = slots.iter().position(|(_, taken)| !taken.iter().any(overlaps));
        let slot = found.unwrap_or_else(|| {
            slots.push((life.bytes, Vec::new()));
            slots.len() - 1
        });
        slots[slot].1.push(life.alive.clone());
        slot_of.push((life.tensor, slot));
    }
    Pool { slots: slots.into_iter().map(|(bytes, _)| bytes).collect(), slot_of }
}

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
