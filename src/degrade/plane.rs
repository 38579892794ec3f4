//! Planes of samples, 0..255, and the Gaussian smoothing most kinds share.

use crate::image::Picture;
use crate::image::compare::quantise8;

/// One channel, or a field of any kind, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    pub width: usize,
    pub height: usize,
    pub values: Vec<f32>,
}

/// What lies beyond the border.
#[derive(Debug, Clone, Copy)]
pub enum Border {
    /// The picture again, reflected at the centres of its outermost pixels.
    Mirror,
    /// The opposite side.
    Wrap,
}

impl Border {
    /// Where `at` lies on an axis of `size`.
    pub fn index(self, at: isize, size: usize) -> usize {
        let size = size as isize;
        let period = match self {
            Border::Wrap => size,
            Border::Mirror => (2 * size - 2).max(1),
        };
        let at = at.rem_euclid(period);
        (if at < size { at } else { period - at }) as usize
    }
}

impl Plane {
    pub fn make(width: usize, height: usize, mut value: impl FnMut(usize, usize) -> f32) -> Plane {
        let values = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| value(x, y)).collect();
        Plane { width, height, values }
    }

    pub fn at(&self, x: usize, y: usize) -> f32 {
        self.values[y * self.width + x]
    }

    pub fn map(&self, value: impl Fn(f32) -> f32) -> Plane {
        Plane { values: self.values.iter().map(|v| value(*v)).collect(), ..*self }
    }

    pub fn max(&self, other: &Plane) -> Plane {
        Plane { values: self.values.iter().zip(&other.values).map(|(a, b)| a.max(*b)).collect(), ..*self }
    }

    /// The median of the square of `2 radius + 1` pixels around each.
    pub fn median(&self, radius: isize) -> Plane {
        let mut square = Vec::new();
        Plane::make(self.width, self.height, |x, y| {
            square.clear();
            for dy in -radius..=radius {
                let row = Border::Mirror.index(y as isize + dy, self.height);
                let at = |dx| self.at(Border::Mirror.index(x as isize + dx, self.width), row);
                square.extend((-radius..=radius).map(at));
            }
            let middle = square.len() / 2;
            *square.select_nth_unstable_by(middle, f32::total_cmp).1
        })
    }

    /// Smoothed with standard deviation `sigma` in pixels, out to `reach` deviations.
    pub fn gaussian(&self, sigma: f32, reach: f32, border: Border) -> Plane {
        let radius = (reach * sigma + 0.5) as isize;
        let weight = |i: isize| (-0.5 * (i as f32 / sigma).powi(2)).exp();
        let total: f32 = (-radius..=radius).map(weight).sum();
        let taps: Vec<(isize, f32)> = (-radius..=radius).map(|i| (i, weight(i) / total)).collect();
        let (w, h) = (self.width, self.height);
        let along = Plane::make(w, h, |x, y| {
            let row = &self.values[y * w..][..w];
            taps.iter().map(|(i, weight)| weight * row[border.index(x as isize + i, w)]).sum()
        });
        let mut down = Plane { values: vec![0.0; w * h], ..*self };
        for (y, out) in down.values.chunks_exact_mut(w).enumerate() {
            for (i, weight) in &taps {
                let row = &along.values[border.index(y as isize + i, h) * w..][..w];
                out.iter_mut().zip(row).for_each(|(o, v)| *o += weight * v);
            }
        }
        down
    }
}

/// Red, green and blue.
#[derive(Debug, Clone)]
pub struct Canvas(pub [Plane; 3]);

impl Canvas {
    /// The picture as its file of 8 bits would hold it.
    pub fn of(picture: &Picture) -> Canvas {
        let channel = |c| Plane {
            width: picture.width as usize,
            height: picture.height as usize,
            values: picture.rgb.iter().skip(c).step_by(3).map(|v| f32::from(quantise8(*v))).collect(),
        };
        Canvas([channel(0), channel(1), channel(2)])
    }

    pub fn size(&self) -> (usize, usize) {
        (self.0[0].width, self.0[0].height)
    }

    /// Every channel by itself.
    pub fn each(&self, change: impl FnMut(&Plane) -> Plane) -> Canvas {
        Canvas(self.0.each_ref().map(change))
    }

    /// Every channel under a share per pixel of something else: `v + (other - v) * cover`.
    pub fn covered(&self, cover: &Plane, other: f32) -> Canvas {
        self.each(|p| Plane {
            values: p.values.iter().zip(&cover.values).map(|(v, c)| v + (other - v) * c).collect(),
            ..*p
        })
    }

    /// As [`Canvas::covered`], with the same share everywhere.
    pub fn veiled(&self, share: f32, other: f32) -> Canvas {
        self.each(|p| p.map(|v| v * (1.0 - share) + other * share))
    }

    /// The brightness, by the weights of BT.601.
    pub fn luma(&self) -> Plane {
        let [r, g, b] = &self.0;
        Plane::make(r.width, r.height, |x, y| 0.299 * r.at(x, y) + 0.587 * g.at(x, y) + 0.114 * b.at(x, y))
    }

    /// Interleaved values in 0..1, rounded to 8 bits.
    pub fn quantised(&self) -> Vec<f32> {
        let [r, g, b] = &self.0;
        let pixels = r.values.iter().zip(&g.values).zip(&b.values);
        pixels.flat_map(|((r, g), b)| [*r, *g, *b]).map(|v| v.round_ties_even().clamp(0.0, 255.0) / 255.0).collect()
    }
}
