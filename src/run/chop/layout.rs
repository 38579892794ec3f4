//! IPT's way through a picture larger than its tile (`forward_chop`): overlapping tiles whose rims are thrown away,
//! strips of their own along the right and bottom edges, and the corner.
//!
//! With tile side P the stride is P / 4. Of a tile inside the picture the outer P / 4 on each side are not used; where
//! the rest of several tiles overlap, their mean counts. What does not fit the stride is covered by tiles that touch
//! the far edge; they meet the main picture half a tile before it. The official code computes the tiles along the top
//! and left edge twice; here each distinct tile is computed once.

use crate::base::{Error, Kind, Result};

/// Where the tiles of a picture lie and how their results join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chop {
    h: usize,
    w: usize,
    tile: usize,
    /// Pixels at the bottom and right that the stride does not reach.
    rest: (usize, usize),
    /// Tiles of the main picture along y and x.
    count: (usize, usize),
}

/// The result with the parts that the official code names.
#[derive(Debug, Clone, PartialEq)]
pub struct Chopped {
    pub picture: Plane,
    /// The strip along the bottom, as wide as the tiles reach.
    pub bottom: Plane,
    /// The strip along the right, as high as the tiles reach.
    pub right: Plane,
}

/// Interleaved values of a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    pub h: usize,
    pub w: usize,
    pub c: usize,
    pub values: Vec<f32>,
}

impl Plane {
    pub fn new(h: usize, w: usize, c: usize) -> Self {
        Plane { h, w, c, values: vec![0.0; h * w * c] }
    }

    pub fn row(&self, y: usize, x: usize, w: usize) -> &[f32] {
        &self.values[(y * self.w + x) * self.c..][..w * self.c]
    }

    fn row_mut(&mut self, y: usize, x: usize, w: usize) -> &mut [f32] {
        &mut self.values[(y * self.w + x) * self.c..][..w * self.c]
    }

    /// Copies the `h` x `w` window at `from` of `other` to `to`.
    fn copy(&mut self, to: (usize, usize), other: &Plane, from: (usize, usize), h: usize, w: usize) {
        for y in 0..h {
            self.row_mut(to.0 + y, to.1, w).copy_from_slice(other.row(from.0 + y, from.1, w));
        }
    }

    /// Adds the window of `other` and counts it.
    fn add(&mut self, count: &mut Plane, to: (usize, usize), other: &Plane, from: (usize, usize), h: usize, w: usize) {
        for y in 0..h {
            let source = other.row(from.0 + y, from.1, w);
            self.row_mut(to.0 + y, to.1, w).iter_mut().zip(source).for_each(|(a, b)| *a += b);
            count.row_mut(to.0 + y, to.1, w).iter_mut().for_each(|n| *n += 1.0);
        }
    }

    /// The top-left `h` x `w` window at `y`, `x`.
    pub fn window(&self, y: usize, x: usize, h: usize, w: usize) -> Plane {
        let mut out = Plane::new(h, w, self.c);
        out.copy((0, 0), self, (y, x), h, w);
        out
    }
}

impl Chop {
    /// The tiles of an `h` x `w` picture for a network that takes `tile` x `tile`.
    pub fn new(h: usize, w: usize, tile: usize) -> Result<Chop> {
        if tile < 4 || !tile.is_multiple_of(4) {
            return Err(Error::new(Kind::Checkpoint, "the official tiling needs a tile side divisible by 4")
                .why(format!("the network takes {tile}x{tile}")));
        }
        if h < tile || w < tile {
            return Err(Error::new(Kind::Image, format!("a picture of {w}x{h} pixels is smaller than one tile"))
                .why(format!("the network takes {tile}x{tile}"))
                .advice("pad or enlarge the picture"));
        }
        let stride = tile / 4;
        let count = |n: usize| (n - tile) / stride + 1;
        Ok(Chop { h, w, tile, rest: ((h - tile) % stride, (w - tile) % stride), count: (count(h), count(w)) })
    }

    fn stride(&self) -> usize {
        self.tile / 4
    }

    /// Top-left corners of all tiles: the main grid row by row, the bottom strip, the right strip, the corner.
    pub fn tiles(&self) -> Vec<(usize, usize)> {
        let (ys, xs) = (0..self.count.0, 0..self.count.1);
        let grid = ys.clone().flat_map(|y| xs.clone().map(move |x| (y, x)));
        let step = self.stride();
        let (bottom, right) = (self.h - self.tile, self.w - self.tile);
        grid.map(|(y, x)| (y * step, x * step))
            .chain(xs.clone().map(|x| (bottom, x * step)))
            .chain(ys.clone().map(|y| (y * step, right)))
            .chain([(bottom, right)])
            .collect()
    }

    /// Joins the results of all tiles, in the order of [`Chop::tiles`].
    pub fn join(&self, results: &[Plane]) -> Result<Chopped> {
        let wrong = || Error::new(Kind::Other, "the results do not fit the tiling");
        let first = results.first().ok_or_else(wrong)?;
        let (side, c) = (first.h, first.c);
        let scale = side / self.tile;
        let same = results.iter().all(|r| (r.h, r.w, r.c) == (side, side, c));
        let (ny, nx) = self.count;
        if !same || side != scale * self.tile || results.len() != ny * nx + nx + ny + 1 {
            return Err(wrong());
        }
        let (grid, strips) = results.split_at(ny * nx);
        let (bottom, strips) = strips.split_at(nx);
        let (right, corner) = strips.split_at(ny);
        let bottom = self.strip(bottom.iter(), false);
        let right = self.strip(right.iter(), true);
        let mut main = Plane::new((self.h - self.rest.0) * scale, (self.w - self.rest.1) * scale, c);
        // The rims of the main picture come from strips; the left strip owns both corners.
        main.copy((0, 0), &self.strip(grid[..nx].iter(), false), (0, 0), side, main.w);
        main.copy((0, 0), &self.strip(grid.iter().step_by(nx), true), (0, 0), main.h, side);
        self.interior(&mut main, grid);

        let mut picture = Plane::new(self.h * scale, self.w * scale, c);
        let (keep_y, skip_y) = self.seam(self.rest.0, scale);
        let (keep_x, skip_x) = self.seam(self.rest.1, scale);
        let (top, left) = (main.h - keep_y, main.w - keep_x);
        picture.copy((0, 0), &main, (0, 0), top, left);
        picture.copy((top, 0), &bottom, (skip_y, 0), side - skip_y, left);
        picture.copy((0, left), &right, (0, skip_x), top, side - skip_x);
        picture.copy((top, left), &corner[0], (skip_y, skip_x), side - skip_y, side - skip_x);
        Ok(Chopped { picture, bottom, right })
    }

    /// At a far edge: how many rows of the main picture give way and how many of the edge strip are skipped.
    fn seam(&self, rest: usize, scale: usize) -> (usize, usize) {
        let half = (self.tile - rest) as f64 / 2.0 * scale as f64;
        (half as usize, (half + 0.5) as usize)
    }

    /// A row (or column) of tiles: means where their inner parts overlap, the ends from the first and last alone.
    fn strip<'r>(&self, tiles: impl ExactSizeIterator<Item = &'r Plane>, vertical: bool) -> Plane {
        let n = tiles.len();
        let tiles: Vec<&Plane> = tiles.collect();
        let side = tiles[0].h;
        let step = side / 4;
        let long = side + (n - 1) * step;
        let at = |along: usize| if vertical { (along, 0) } else { (0, along) };
        let size = |along: usize| if vertical { (along, side) } else { (side, along) };
        let (h, w) = size(long);
        let mut sum = Plane::new(h, w, tiles[0].c);
        let mut count = sum.clone();
        let (ih, iw) = size(side - 2 * step);
        for (i, tile) in tiles.iter().enumerate() {
            sum.add(&mut count, at((i + 1) * step), tile, at(step), ih, iw);
        }
        divide(&mut sum, &count);
        let (eh, ew) = size(step);
        sum.copy((0, 0), tiles[0], (0, 0), eh, ew);
        sum.copy(at(long - step), tiles[n - 1], at(side - step), eh, ew);
        sum
    }

    /// Everything but the rims: means of the tiles' inner parts.
    fn interior(&self, main: &mut Plane, grid: &[Plane]) {
        let side = grid[0].h;
        let (step, inner) = (side / 4, side - 2 * (side / 4));
        let mut sum = Plane::new(main.h, main.w, main.c);
        let mut count = sum.clone();
        for (i, tile) in grid.iter().enumerate() {
            let (y, x) = (i / self.count.1, i % self.count.1);
            sum.add(&mut count, ((y + 1) * step, (x + 1) * step), tile, (step, step), inner, inner);
        }
        divide(&mut sum, &count);
        main.copy((step, step), &sum, (step, step), main.h - 2 * step, main.w - 2 * step);
    }
}

fn divide(sum: &mut Plane, count: &Plane) {
    sum.values.iter_mut().zip(&count.values).for_each(|(v, n)| *v /= n.max(1.0));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture whose values tell their place.
    fn picture(h: usize, w: usize) -> Plane {
        let mut p = Plane::new(h, w, 2);
        p.values.iter_mut().enumerate().for_each(|(i, v)| *v = i as f32);
        p
    }

    #[test]
    fn the_identity_gives_the_picture_back() {
        for (h, w) in [(24, 24), (24, 61), (61, 83), (29, 30), (48, 27)] {
            let p = picture(h, w);
            let chop = Chop::new(h, w, 24).unwrap();
            let tiles: Vec<Plane> = chop.tiles().iter().map(|(y, x)| p.window(*y, *x, 24, 24)).collect();
            let out = chop.join(&tiles).unwrap();
            assert_eq!(out.picture, p, "{h}x{w}");
            assert_eq!((out.bottom.h, out.right.w), (24, 24));
        }
    }

    #[test]
    fn the_far_strips_reach_the_edges() {
        let chop = Chop::new(61, 83, 24).unwrap();
        let tiles = chop.tiles();
        assert_eq!(tiles.len(), 7 * 10 + 10 + 7 + 1);
        assert_eq!((tiles[69], tiles[70], tiles[80], tiles[87]), ((36, 54), (37, 0), (0, 59), (37, 59)));
    }

    #[test]
    fn what_cannot_be_tiled_is_refused() {
        assert!(Chop::new(23, 40, 24).is_err());
        assert!(Chop::new(40, 40, 18).is_err());
        let chop = Chop::new(24, 24, 24).unwrap();
        assert!(chop.join(&[]).is_err());
        assert!(chop.join(&vec![Plane::new(24, 24, 1); 3]).is_err());
    }
}
