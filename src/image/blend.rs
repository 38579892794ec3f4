//! Tiles back into one picture, without seams.

use super::tile::Tile;
use std::f32::consts::PI;

/// The windows of a plan along one axis, with the normalised weight of every pixel of each.
struct Axis {
    starts: Vec<u32>,
    weights: Vec<Vec<f32>>,
}

impl Axis {
    /// A window rises over the pixels it shares with the window before it and falls over those it shares with the
    /// next, as a raised cosine that never reaches zero. The borders of the picture have no neighbour and keep full
    /// weight. Dividing by the sum here, one axis at a time, is exact because the plan is a grid: the sum over all
    /// tiles at a pixel is the product of the two sums. So no weight is stored per pixel of the picture.
    fn new(size: u32, window: u32, mut starts: Vec<u32>) -> Self {
        starts.sort_unstable();
        starts.dedup();
        let mut weights = Vec::with_capacity(starts.len());
        for (i, &start) in starts.iter().enumerate() {
            let shared = |other: Option<&u32>| other.map_or(0, |&o| window.saturating_sub(start.abs_diff(o)));
            let before = shared(i.checked_sub(1).and_then(|j| starts.get(j)));
            let after = shared(starts.get(i + 1));
            weights.push((0..window).map(|d| ramp(d, before) * ramp(window - 1 - d, after)).collect::<Vec<f32>>());
        }
        let mut sum = vec![0.0_f32; size as usize];
        for (start, weight) in starts.iter().zip(&weights) {
            sum[*start as usize..].iter_mut().zip(weight).for_each(|(s, w)| *s += w);
        }
        for (start, weight) in starts.iter().zip(&mut weights) {
            weight.iter_mut().zip(&sum[*start as usize..]).for_each(|(w, s)| *w /= s);
        }
        Axis { starts, weights }
    }

    fn of(&self, start: u32) -> &[f32] {
        match self.starts.binary_search(&start) {
            Ok(i) => &self.weights[i],
            Err(_) => panic!("the tile at {start} is not in the plan of this blender"),
        }
    }
}

/// The weight `distance` pixels from the edge of an overlap of `length` pixels.
fn ramp(distance: u32, length: u32) -> f32 {
    if distance >= length { 1.0 } else { 0.5 - 0.5 * (PI * (distance as f32 + 0.5) / length as f32).cos() }
}

/// Accumulates the tiles of one plan. Memory: the picture, and two short rows of weights for each row and column of
/// tiles.
pub struct Blender {
    width: usize,
    channels: usize,
    columns: Axis,
    rows: Axis,
    sum: Vec<f32>,
}

impl Blender {
    /// `tiles` is the whole plan, as [`super::tile::plan`] makes it for this size.
    pub fn new(width: u32, height: u32, channels: usize, tiles: &[Tile]) -> Self {
        let (w, h) = tiles.first().map_or((0, 0), |t| (t.w, t.h));
        Blender {
            width: width as usize,
            channels,
            columns: Axis::new(width, w, tiles.iter().map(|t| t.x).collect()),
            rows: Axis::new(height, h, tiles.iter().map(|t| t.y).collect()),
            sum: vec![0.0; width as usize * height as usize * channels],
        }
    }

    /// Adds the interleaved pixels of one tile. Every tile of the plan is added exactly once, in any order.
    pub fn add(&mut self, tile: &Tile, pixels: &[f32]) {
        let stride = tile.w as usize * self.channels;
        assert_eq!(pixels.len(), stride * tile.h as usize, "the pixels do not match {tile:?}");
        let columns = self.columns.of(tile.x);
        for ((row, wy), y) in pixels.chunks_exact(stride).zip(self.rows.of(tile.y)).zip(tile.y as usize..) {
            let target = &mut self.sum[(y * self.width + tile.x as usize) * self.channels..][..stride];
            let pixels = target.chunks_exact_mut(self.channels).zip(row.chunks_exact(self.channels));
            for ((out, new), wx) in pixels.zip(columns) {
                let weight = wx * wy;
                out.iter_mut().zip(new).for_each(|(o, n)| *o += weight * n);
            }
        }
    }

    pub fn finish(self) -> Vec<f32> {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::super::{pad::cut, tile::plan};
    use super::*;

    fn blend(width: u32, height: u32, tiles: &[Tile], pixels: impl Fn(usize, &Tile) -> Vec<f32>, c: usize) -> Vec<f32> {
        let mut blender = Blender::new(width, height, c, tiles);
        for (i, tile) in tiles.iter().enumerate().rev() {
            blender.add(tile, &pixels(i, tile));
        }
        blender.finish()
    }

    #[test]
    fn identical_content_comes_back() {
        for (w, h, tile, overlap) in
            [(97, 61, 32, 8), (40, 40, 64, 8), (100, 33, 32, 20), (65, 64, 64, 0), (1, 9, 4, 2)]
        {
            let picture: Vec<f32> = (0..w * h * 3).map(|i| ((i * 37) % 251) as f32 / 250.0).collect();
            let tiles = plan(w, h, tile, overlap, 4);
            let window = |t: &Tile| [t.x, t.y, t.w, t.h].map(|v| v as usize);
            let out = blend(w, h, &tiles, |_, t| cut(&picture, w as usize, 3, window(t)), 3);
            let worst = out.iter().zip(&picture).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-6, "{w}x{h} tile {tile} overlap {overlap}: {worst}");
        }
    }

    #[test]
    fn a_step_between_tiles_becomes_a_slope() {
        let tiles = plan(112, 1, 64, 16, 1);
        assert_eq!(tiles.len(), 2);
        let out = blend(112, 1, &tiles, |i, t| vec![i as f32; t.w as usize], 1);
        assert_eq!((out[47], out[64]), (0.0, 1.0));
        assert!(out.windows(2).all(|p| p[1] >= p[0]), "monotone");
        // The steepest part of a raised cosine over n pixels is pi / 2n.
        let jump = out.windows(2).map(|p| p[1] - p[0]).fold(0.0, f32::max);
        assert!(jump <= PI / 32.0 + 1e-6, "{jump}");
    }

    #[test]
    fn weights_are_positive_and_full_at_the_borders() {
        let axis = Axis::new(100, 40, vec![0, 30, 60]);
        assert!(axis.weights.iter().flatten().all(|w| *w > 0.0));
        assert_eq!((axis.weights[0][0], axis.weights[2][39]), (1.0, 1.0));
    }
}
