//! What task adapters add to packed weights: low-rank products of matrices and full deltas of depthwise kernels, in
//! the layouts that the contraction, merge and blend kernels read.

use std::collections::BTreeSet;

use super::StateDict;
use super::prepack::{Matrix, Pack, Panels, arrange, columns, optional, pack_depthwise, place};
use crate::base::{Channels, DType, Result};

/// The low-rank additions to one matrix: `W + sum over terms of factor * B A`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LowRank {
    /// What they are added to. What is folded into it is folded into A (inputs) and B (outputs) as well.
    pub matrix: Matrix,
    pub terms: Vec<Term>,
}

/// The adapter of one task.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Term {
    /// Key of `[rank, in, kh, kw]`.
    pub a: String,
    /// Key of `[out, rank, 1, 1]`.
    pub b: String,
    pub rank: u32,
}

/// The full additions to depthwise weights, a key for each task.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Deltas {
    pub weight: String,
    pub kernel: u32,
    pub channels: Channels,
    pub terms: Vec<String>,
}

/// One buffer of an adapted weight.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Addition {
    /// All A below each other, packed as a matrix from the inputs to the ranks.
    Inner(LowRank),
    /// What the bias of a norm in front contributes to the ranks, f32.
    InnerBias(LowRank),
    /// All B side by side, packed as a matrix from the ranks to the outputs.
    Outer(LowRank),
    /// The matrix with the rows of B after its own in every panel.
    Extended(LowRank),
    /// Depthwise deltas `[tasks, k * k, quads]`.
    Deltas(Deltas),
    /// Room for weights that the device merges with the factors of this name; begins as the base.
    Merged { base: Box<Pack>, from: Box<Source>, factors: String },
}

/// What is merged into a base.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    Product(LowRank),
    Deltas(Deltas),
}

impl LowRank {
    pub fn rank(&self) -> u32 {
        self.terms.iter().map(|t| t.rank).sum()
    }

    /// The matrix of all A: inputs to ranks.
    pub fn inner(&self) -> Matrix {
        Matrix {
            bias: None,
            rows: None,
            outputs: Channels::one(self.rank()),
            out_scale: None,
            gated: false,
            ..self.matrix.clone()
        }
    }

    /// The matrix of all B: ranks to outputs.
    pub fn outer(&self) -> Matrix {
        Matrix {
            bias: None,
            kernel: (1, 1),
            inputs: Channels::one(self.rank()),
            gamma: None,
            beta: None,
            ..self.matrix.clone()
        }
    }

    /// `[rank, in * taps]`
    fn inner_values(&self, dict: &StateDict) -> Result<Vec<f32>> {
        let mut out = Vec::new();
        for term in &self.terms {
            out.extend(dict.f32(&term.a)?);
        }
        Ok(out)
    }

    /// `[out, rank]`, the rows that the matrix uses.
    fn outer_values(&self, dict: &StateDict) -> Result<Vec<f32>> {
        let (out, rank) = (self.matrix.outputs.logical() as usize, self.rank() as usize);
        let first = self.matrix.rows.map_or(0, |(first, _)| first as usize);
        let mut values = vec![0.0; out * rank];
        let mut at = 0;
        for term in &self.terms {
            let r = term.rank as usize;
            for (row, b) in dict.f32_range(&term.b, first * r, out * r)?.chunks(r).enumerate() {
                values[row * rank + at..][..r].copy_from_slice(b);
            }
            at += r;
        }
        Ok(values)
    }

    fn extended(&self, dict: &StateDict, panels: Panels) -> Result<Vec<f32>> {
        let (m, outer) = (&self.matrix, self.outer());
        let tail = outer.inputs.padded() as usize;
        let mut out = arrange(m, &super::prepack::stored(m, dict)?, dict, panels, tail)?;
        let (width, _) = columns(m, panels);
        let width = 4 * width as usize;
        let first = (m.kernel.0 * m.kernel.1 * m.inputs.padded()) as usize;
        let scale = optional(dict, m.out_scale.as_ref(), m.outputs.logical() as usize)?;
        let (values, rank) = (self.outer_values(dict)?, self.rank() as usize);
        for (o, (panel, column)) in place(m, panels).into_iter().enumerate() {
            let factor = scale.as_ref().map_or(1.0, |s| s[o]);
            for r in 0..rank {
                out[(panel * (first + tail) + first + r) * width + column] = values[o * rank + r] * factor;
            }
        }
        Ok(out)
    }

    /// What the ranks receive from the bias of the norm in front, in the column order of [`LowRank::inner`].
    fn inner_bias(&self, dict: &StateDict, panels: Panels) -> Result<Vec<f32>> {
        let inner = self.inner();
        let inputs = inner.inputs.logical() as usize;
        let (width, count) = columns(&inner, panels);
        let mut out = vec![0.0; (4 * width * count) as usize];
        let Some(beta) = optional(dict, inner.beta.as_ref(), inputs)? else { return Ok(out) };
        let values = self.inner_values(dict)?;
        for (row, (panel, column)) in values.chunks(inputs).zip(place(&inner, panels)) {
            let sum = row.iter().zip(&beta).map(|(w, v)| f64::from(*w) * f64::from(*v)).sum::<f64>();
            out[panel * 4 * width as usize + column] = sum as f32;
        }
        Ok(out)
    }
}

impl Addition {
    pub fn keys(&self) -> BTreeSet<&str> {
        fn of(l: &LowRank) -> BTreeSet<&str> {
            l.terms.iter().flat_map(|t| [t.a.as_str(), t.b.as_str()]).chain([l.matrix.weight.as_str()]).collect()
        }
        match self {
            Addition::Inner(l) | Addition::InnerBias(l) | Addition::Outer(l) | Addition::Extended(l) => of(l),
            Addition::Deltas(d) => d.terms.iter().map(String::as_str).collect(),
            Addition::Merged { base, .. } => base.keys(),
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Addition::Inner(l) | Addition::InnerBias(l) | Addition::Outer(l) | Addition::Extended(l) => {
                &l.matrix.weight
            }
            Addition::Deltas(d) => &d.weight,
            Addition::Merged { base, .. } => base.name(),
        }
    }

    pub fn pack(&self, dict: &StateDict, panels: Panels, precision: DType) -> Result<Vec<u8>> {
        Ok(match self {
            Addition::Inner(l) => precision.pack(&arrange(&l.inner(), &l.inner_values(dict)?, dict, panels, 0)?),
            Addition::Outer(l) => precision.pack(&arrange(&l.outer(), &l.outer_values(dict)?, dict, panels, 0)?),
            Addition::InnerBias(l) => DType::F32.pack(&l.inner_bias(dict, panels)?),
            Addition::Extended(l) => precision.pack(&l.extended(dict, panels)?),
            Addition::Deltas(d) => {
                let mut out = Vec::new();
                for key in &d.terms {
                    out.extend(pack_depthwise(dict, key, d.kernel, &d.channels)?);
                }
                precision.pack(&out)
            }
            Addition::Merged { base, .. } => base.pack(dict, panels, precision)?,
        })
    }

    pub fn bytes(&self, panels: Panels, precision: DType) -> u64 {
        let matrix = |m: Matrix| Pack::Matrix(m).bytes(panels, precision);
        match self {
            Addition::Inner(l) => matrix(l.inner()),
            Addition::InnerBias(l) => Pack::Bias(l.inner()).bytes(panels, precision),
            Addition::Outer(l) => matrix(l.outer()),
            Addition::Extended(l) => matrix(l.matrix.clone()) + matrix(l.outer()),
            Addition::Deltas(d) => {
                let one = d.kernel * d.kernel * d.channels.padded() * d.terms.len() as u32;
                u64::from(one) * precision.size() as u64
            }
            Addition::Merged { base, .. } => base.bytes(panels, precision),
        }
    }
}
