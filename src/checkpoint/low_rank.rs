//! What task adapters add to packed weights: low-rank products of matrices and full deltas of depthwise kernels, in
//! the layouts that the contraction, merge and blend kernels read.

use std::collections::BTreeSet;

use super::StateDict;
use super::prepack::{Matrix, Pack, Panels};
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

    /// The matrix of all B: ranks to outputs, cut to the rows that the matrix uses.
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

    /// What `pack` of the matrix of all A makes.
    fn pack_inner(
        &self,
        dict: &StateDict,
        panels: Panels,
        precision: DType,
        pack: fn(Matrix) -> Pack,
    ) -> Result<Vec<u8>> {
        let inner = self.inner();
        let mut values = Vec::new();
        for term in &self.terms {
            values.extend(dict.f32(&term.a)?);
        }
        let rank = self.rank() as usize;
        let folded = [&inner.gamma, &inner.beta].into_iter().flatten().map(String::as_str);
        let shape = vec![rank, values.len() / rank.max(1)];
        let stored = dict.with_values(folded, &inner.weight, shape, &values);
        pack(inner).pack(&stored, panels, precision)
    }

    fn pack_outer(&self, dict: &StateDict, panels: Panels, precision: DType) -> Result<Vec<u8>> {
        let outer = self.outer();
        let rank = self.rank() as usize;
        let rows = dict.shape(&self.terms[0].b).and_then(|s| s.first().copied()).unwrap_or(0);
        let mut values = vec![0.0; rows * rank];
        let mut at = 0;
        for term in &self.terms {
            let r = term.rank as usize;
            for (row, b) in dict.f32_range(&term.b, 0, rows * r)?.chunks(r).enumerate() {
                values[row * rank + at..][..r].copy_from_slice(b);
            }
            at += r;
        }
        let folded = outer.out_scale.as_deref();
        let stored = dict.with_values(folded, &outer.weight, vec![rows, rank], &values);
        Pack::Matrix(outer).pack(&stored, panels, precision)
    }

    /// Panel by panel the rows of the matrix, then those of B.
    fn pack_extended(&self, dict: &StateDict, panels: Panels, precision: DType) -> Result<Vec<u8>> {
        let (_, count) = self.matrix.columns_in(panels);
        let first = Pack::Matrix(self.matrix.clone()).pack(dict, panels, precision)?;
        let second = self.pack_outer(dict, panels, precision)?;
        let per = |bytes: &[u8]| (bytes.len() / count.max(1) as usize).max(1);
        let pairs = first.chunks(per(&first)).zip(second.chunks(per(&second)));
        Ok(pairs.flat_map(|(a, b)| [a, b].concat()).collect())
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
            Addition::Inner(l) => l.pack_inner(dict, panels, precision, Pack::Matrix)?,
            Addition::InnerBias(l) => l.pack_inner(dict, panels, precision, Pack::Bias)?,
            Addition::Outer(l) => l.pack_outer(dict, panels, precision)?,
            Addition::Extended(l) => l.pack_extended(dict, panels, precision)?,
            Addition::Deltas(d) => {
                let one = |weight: &String| {
                    let (kernel, channels) = (d.kernel, d.channels.clone());
                    Pack::Depthwise { weight: weight.clone(), kernel, channels }.pack(dict, panels, precision)
                };
                d.terms.iter().map(one).collect::<Result<Vec<_>>>()?.concat()
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
