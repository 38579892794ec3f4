//! Slow plain loops over NCHW values in f64: what each op is defined to compute. Uses nothing but std, and shares no
//! code and no layout with the engine.
#![allow(dead_code, clippy::needless_range_loop)]

pub mod attention {
    pub mod channel_gram;
    pub mod channel_project;
    pub mod channel_softmax;
    pub mod channel_topm;
    pub mod global_attention;
    pub mod prompt_select;
    pub mod window_attention;
}
pub mod conv {
    pub mod depthwise;
}
pub mod elementwise {
    pub mod activation;
    pub mod add_table;
    pub mod binary;
    pub mod blend;
    pub mod dual_gate;
    pub mod gate;
    pub mod modulate;
}
pub mod matmul {
    pub mod contract;
    pub mod merge;
}
pub mod norm {
    pub mod group_moments;
    pub mod group_norm;
    pub mod group_stats;
    pub mod layer_norm;
    pub mod row_stats;
}
pub mod reduce {
    pub mod adaptive_mean;
    pub mod box_mean;
    pub mod mean;
    pub mod weighted_rows;
}
pub mod resample {
    pub mod channel_slice;
    pub mod concat;
    pub mod pixel_regroup;
    pub mod pixel_shuffle;
    pub mod pixel_unshuffle;
    pub mod resize;
    pub mod stored;
    pub mod window;
}

/// A tensor in NCHW order.
#[derive(Debug, Clone, PartialEq)]
pub struct Plain {
    pub n: usize,
    pub c: usize,
    pub h: usize,
    pub w: usize,
    pub v: Vec<f64>,
}

impl Plain {
    pub fn zeros(n: usize, c: usize, h: usize, w: usize) -> Self {
        Plain { n, c, h, w, v: vec![0.0; n * c * h * w] }
    }

    /// Every element from its coordinates.
    pub fn fill(n: usize, c: usize, h: usize, w: usize, f: impl Fn(usize, usize, usize, usize) -> f64) -> Self {
        let mut out = Plain::zeros(n, c, h, w);
        let mut i = 0;
        for b in 0..n {
            for ch in 0..c {
                for y in 0..h {
                    for x in 0..w {
                        out.v[i] = f(b, ch, y, x);
                        i += 1;
                    }
                }
            }
        }
        out
    }

    pub fn from_f32(n: u32, c: u32, h: u32, w: u32, v: &[f32]) -> Self {
        let out = Plain {
            n: n as usize,
            c: c as usize,
            h: h as usize,
            w: w as usize,
            v: v.iter().map(|x| f64::from(*x)).collect(),
        };
        assert_eq!(out.v.len(), out.n * out.c * out.h * out.w);
        out
    }

    pub fn to_f32(&self) -> Vec<f32> {
        self.v.iter().map(|x| *x as f32).collect()
    }

    pub fn shape(&self) -> [u32; 4] {
        [self.n as u32, self.c as u32, self.h as u32, self.w as u32]
    }

    pub fn at(&self, n: usize, c: usize, y: usize, x: usize) -> f64 {
        self.v[((n * self.c + c) * self.h + y) * self.w + x]
    }

    /// Zero outside the picture.
    pub fn padded(&self, n: usize, c: usize, y: isize, x: isize) -> f64 {
        let inside = y >= 0 && x >= 0 && (y as usize) < self.h && (x as usize) < self.w;
        if inside { self.at(n, c, y as usize, x as usize) } else { 0.0 }
    }

    /// Channels `first..first + count`.
    pub fn channels(&self, first: usize, count: usize) -> Plain {
        Plain::fill(self.n, count, self.h, self.w, |n, c, y, x| self.at(n, first + c, y, x))
    }

    /// Value `pixel` of a channel, row by row.
    pub fn token(&self, n: usize, c: usize, pixel: usize) -> f64 {
        self.v[(n * self.c + c) * self.h * self.w + pixel]
    }

    pub fn map(&self, f: impl Fn(f64) -> f64) -> Plain {
        Plain { v: self.v.iter().map(|x| f(*x)).collect(), ..self.clone() }
    }
}
