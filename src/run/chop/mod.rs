//! `forward_chop`: IPT's way through pictures of any size, as replays of one plan over its tiles.

pub mod layout;

pub use layout::{Chop, Chopped, Plane};

use super::model::Model;
use super::plan::PlanKey;
use crate::base::Result;
use crate::gpu::Gpu;

/// Tiles of one replay at most: enough to fill a GPU, few enough to stay small.
const BATCH: usize = 16;

/// The batch that spreads `tiles` evenly over replays of at most `BATCH`.
pub fn batch_of(tiles: usize) -> usize {
    tiles.div_ceil(tiles.div_ceil(BATCH).max(1)).max(1)
}

/// Runs the tiles of `picture` (in the network's range) through the part of `key`, whose batch is chosen here. `inputs`
/// are the other inputs of the plan for one image; every tile gets the same. Returns the joined result and that of
/// every tile.
pub fn forward_chop(
    gpu: &Gpu,
    model: &mut Model,
    key: &PlanKey,
    picture: &Plane,
    inputs: &[(String, Vec<f32>)],
    progress: &mut dyn FnMut(f32) -> bool,
) -> Result<(Chopped, Vec<Plane>)> {
    let chop = Chop::new(picture.h, picture.w, key.part.h as usize)?;
    let tiles = chop.tiles();
    let mut key = key.clone();
    let batch = batch_of(tiles.len());
    key.part.n = batch as u32;
    let plan = model.plan(gpu, &key)?;
    for (name, values) in inputs {
        plan.upload(gpu, name, &values.repeat(batch))?;
    }
    let (input, output) = (plan.input_shape("input")?, plan.output_shape("output")?);
    let mut results = Vec::with_capacity(tiles.len());
    for (i, group) in tiles.chunks(batch).enumerate() {
        // A last group that is not full is filled with zeros, which no other tile sees.
        let mut values = vec![0.0; input.elements() as usize];
        let stride = input.c.padded() as usize;
        let side = input.h as usize;
        for (t, (y, x)) in group.iter().enumerate() {
            let pixels = &mut values[t * side * side * stride..][..side * side * stride];
            for (row, out) in pixels.chunks_mut(side * stride).enumerate() {
                spread(picture.row(y + row, *x, side), picture.c, out, stride);
            }
        }
        plan.upload(gpu, "input", &values)?;
        let share = |part: f32| (i * batch) as f32 / tiles.len() as f32 + part * batch as f32 / tiles.len() as f32;
        plan.run(gpu, &mut |part| progress(share(part).min(1.0)))?;
        let values = plan.read(gpu, "output")?;
        let (h, w, c) = (output.h as usize, output.w as usize, output.c.logical() as usize);
        let stride = output.c.padded() as usize;
        for tile in values.chunks(h * w * stride).take(group.len()) {
            let values = tile.chunks(stride).flat_map(|pixel| &pixel[..c]).copied().collect();
            results.push(Plane { h, w, c, values });
        }
    }
    Ok((chop.join(&results)?, results))
}

/// Copies pixels of `c` values to pixels of `stride` values.
fn spread(row: &[f32], c: usize, out: &mut [f32], stride: usize) {
    for (from, to) in row.chunks(c).zip(out.chunks_mut(stride)) {
        let shared = c.min(stride);
        to[..shared].copy_from_slice(&from[..shared]);
    }
}
