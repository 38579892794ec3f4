//! Panoptic segmentation: a semantic and an instance answer, merged so that every pixel belongs to one segment.

use std::collections::BTreeMap;

use crate::base::{Error, Kind, Result};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Classes that come in instances; the others are stuff.
    pub things: Vec<i32>,
    /// Smaller instances are left to the stuff around them.
    pub min_instance_area: usize,
    /// Smaller stuff is void.
    pub min_stuff_area: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// 1, 2, ... for things; 0 for stuff.
    pub id: i32,
    pub class: i32,
    pub thing: bool,
    pub area: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panoptic {
    /// -1 is void.
    pub class: Vec<i32>,
    pub id: Vec<i32>,
    pub segments: Vec<Segment>,
}

/// Merges decoded labels with decoded instances (0: none).
///
/// Things first, by rising instance number: the class most of its pixels say, counting thing classes alone, and all its
/// pixels get it. Then stuff takes what is left of its class. Thing labels outside instances stay void.
pub fn merge(semantic: &[i32], instance: &[i32], rules: &Rules) -> Result<Panoptic> {
    if semantic.len() != instance.len() {
        let what = format!("merging {} labels with {} instances", semantic.len(), instance.len());
        return Err(Error::new(Kind::Usage, what).why("both maps must have the same size"));
    }
    let mut out = Panoptic { class: vec![-1; semantic.len()], id: vec![0; semantic.len()], segments: Vec::new() };
    let mut members: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
    for (pixel, id) in instance.iter().enumerate().filter(|(_, id)| **id > 0) {
        members.entry(*id).or_default().push(pixel);
    }
    let mut taken = vec![false; semantic.len()];
    let mut next = 1;
    for pixels in members.values().filter(|pixels| pixels.len() >= rules.min_instance_area) {
        let Some(class) = majority(pixels.iter().map(|p| semantic[*p]), &rules.things) else { continue };
        for p in pixels {
            (out.class[*p], out.id[*p], taken[*p]) = (class, next, true);
        }
        out.segments.push(Segment { id: next, class, thing: true, area: pixels.len() });
        next += 1;
    }
    let mut stuff: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
    for (pixel, class) in semantic.iter().enumerate() {
        if !taken[pixel] && *class >= 0 && !rules.things.contains(class) {
            stuff.entry(*class).or_default().push(pixel);
        }
    }
    for (class, pixels) in stuff.into_iter().filter(|(_, pixels)| pixels.len() >= rules.min_stuff_area) {
        for p in &pixels {
            out.class[*p] = class;
        }
        out.segments.push(Segment { id: 0, class, thing: false, area: pixels.len() });
    }
    Ok(out)
}

/// The most frequent class among `things`, the lowest of equals.
fn majority(labels: impl Iterator<Item = i32>, things: &[i32]) -> Option<i32> {
    let mut votes: BTreeMap<i32, usize> = BTreeMap::new();
    for label in labels.filter(|l| things.contains(l)) {
        *votes.entry(label).or_default() += 1;
    }
    votes.into_iter().max_by(|(a, m), (b, n)| m.cmp(n).then(b.cmp(a))).map(|(class, _)| class)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(min_instance_area: usize, min_stuff_area: usize) -> Rules {
        Rules { things: vec![0, 2], min_instance_area, min_stuff_area }
    }

    #[test]
    fn things_vote_and_stuff_takes_the_rest() {
        //              instance 3 -> class 2   inst. 5: tie -> 0   stuff 1, 1, 4; a thing label outside; void
        let semantic = [2, 2, 1, 2, 2, 0, 1, 1, 4, 0];
        let instance = [3, 3, 3, 5, 0, 5, 0, 0, 0, 0];
        let out = merge(&semantic, &instance, &rules(1, 2)).unwrap();
        assert_eq!(out.class, [2, 2, 2, 0, -1, 0, 1, 1, -1, -1]);
        assert_eq!(out.id, [1, 1, 1, 2, 0, 2, 0, 0, 0, 0]);
        let areas: Vec<_> = out.segments.iter().map(|s| (s.id, s.class, s.thing, s.area)).collect();
        assert_eq!(areas, [(1, 2, true, 3), (2, 0, true, 2), (0, 1, false, 2)]);
    }

    #[test]
    fn skipped_instances_give_their_pixels_back() {
        let semantic = [1, 1, 1, 2];
        let small = merge(&semantic, &[1, 0, 0, 2], &rules(2, 1)).unwrap();
        assert_eq!(small.class, [1, 1, 1, -1], "too small");
        let stuff = merge(&semantic, &[1, 1, 0, 0], &rules(1, 1)).unwrap();
        assert_eq!((stuff.class, stuff.id), (vec![1, 1, 1, -1], vec![0; 4]), "nobody voted for a thing");
        assert!(merge(&semantic, &[1], &rules(1, 1)).is_err());
    }
}
