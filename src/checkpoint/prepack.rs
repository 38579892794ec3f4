//! Weights in the layout of the kernel that reads them, packed once at load. A [`Pack`] says what to pack without
//! holding data, so a graph can be built, fused and costed before any weight is read.

use std::collections::BTreeSet;
use std::ops::Range;

use super::StateDict;
use super::low_rank::Addition;
use crate::base::{Channels, DType, Error, Kind, Result};

/// A matrix and everything that is folded into it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Matrix {
    /// Key of `[out, in, kh, kw]` or `[out, in]`.
    pub weight: String,
    pub bias: Option<String>,
    /// The rows of the stored tensor that are used; all when `None` (fused q, k, v projections are cut this way).
    pub rows: Option<(u32, u32)>,
    /// The stored input channels that are used; all when `None` (a convolution whose input comes in parts).
    pub columns: Option<(u32, u32)>,
    /// Kernel height and width.
    pub kernel: (u32, u32),
    pub inputs: Channels,
    /// Output columns; both halves when gated.
    pub outputs: Channels,
    /// Weight and bias of a LayerNorm in front (1x1 kernels only: a bias in front of zero padding is not constant).
    pub gamma: Option<String>,
    pub beta: Option<String>,
    /// A factor for each output channel (NAFNet's beta and gamma, layer scale).
    pub out_scale: Option<String>,
    /// The two halves of the columns share panels.
    pub gated: bool,
    /// The second half is the one that a gate activates, so it is packed first.
    pub swapped: bool,
}

impl Matrix {
    pub fn has_bias(&self) -> bool {
        self.bias.is_some() || self.beta.is_some()
    }

    /// Quads of one panel and number of panels.
    pub fn columns_in(&self, panels: Panels) -> (u32, u32) {
        columns(self, panels)
    }
}

/// One weight buffer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Pack {
    /// `[panels, taps * K, panel quads]`, stored in the plan's precision.
    Matrix(Matrix),
    /// `count` panels of a matrix from `first` on, when the whole exceeds one binding.
    Part { matrix: Matrix, first: u32, count: u32 },
    /// The bias of a matrix in column order, f32.
    Bias(Matrix),
    /// Depthwise weights `[C, 1, k, k]` as `[k * k, quads]`, in the plan's precision.
    Depthwise { weight: String, kernel: u32, channels: Channels },
    /// One value a channel, f32.
    Vector { key: String, channels: Channels },
    /// A table `[rows, channels]`, f32.
    Table { key: String, channels: Channels },
    /// `rows` rows of `channels` values that begin at value `first` of the tensor, f32.
    Rows { key: String, first: u32, rows: u32, channels: Channels },
    /// Values as they are, f32.
    Flat { key: String },
    /// What task adapters add to a matrix or to depthwise weights.
    Addition(Addition),
}

/// Quads of a panel, plain and gated; see `Target::panel_quads`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Panels {
    pub plain: u32,
    pub gated: u32,
}

impl Pack {
    /// State dict keys this buffer is made of.
    pub fn keys(&self) -> BTreeSet<&str> {
        match self {
            Pack::Matrix(m) | Pack::Bias(m) | Pack::Part { matrix: m, .. } => {
                let optional = [&m.bias, &m.gamma, &m.beta, &m.out_scale];
                optional.into_iter().flatten().chain([&m.weight]).map(String::as_str).collect()
            }
            Pack::Addition(a) => a.keys(),
            Pack::Depthwise { weight: key, .. }
            | Pack::Vector { key, .. }
            | Pack::Table { key, .. }
            | Pack::Rows { key, .. }
            | Pack::Flat { key } => BTreeSet::from([key.as_str()]),
        }
    }

    /// Name under which the buffer is reported.
    pub fn name(&self) -> &str {
        match self {
            Pack::Matrix(m) | Pack::Bias(m) | Pack::Part { matrix: m, .. } => &m.weight,
            Pack::Addition(a) => a.name(),
            Pack::Depthwise { weight: key, .. }
            | Pack::Vector { key, .. }
            | Pack::Table { key, .. }
            | Pack::Rows { key, .. }
            | Pack::Flat { key } => key,
        }
    }

    /// The packed bytes.
    pub fn pack(&self, dict: &StateDict, panels: Panels, precision: DType) -> Result<Vec<u8>> {
        Ok(match self {
            Pack::Matrix(_) | Pack::Part { .. } => {
                let mut out = Vec::new();
                self.pieces(dict, panels, precision, &mut |piece| {
                    out.extend_from_slice(piece);
                    Ok(())
                })?;
                out
            }
            Pack::Bias(m) => DType::F32.pack(&pack_bias(m, dict, panels)?),
            Pack::Depthwise { weight, kernel, channels } => {
                precision.pack(&pack_depthwise(dict, weight, *kernel, channels)?)
            }
            Pack::Addition(a) => a.pack(dict, panels, precision)?,
            Pack::Vector { key, channels } => {
                DType::F32.pack(&spread(&sized(dict, key, channels.logical() as usize)?, channels))
            }
            Pack::Table { key, channels } => {
                let values = dict.f32(key)?;
                let width = channels.logical() as usize;
                DType::F32.pack(&values.chunks(width).flat_map(|row| spread(row, channels)).collect::<Vec<f32>>())
            }
            Pack::Rows { key, first, rows, channels } => {
                let width = channels.logical() as usize;
                let values = dict.f32_range(key, *first as usize, *rows as usize * width)?;
                DType::F32.pack(&values.chunks(width).flat_map(|row| spread(row, channels)).collect::<Vec<f32>>())
            }
            Pack::Flat { key } => DType::F32.pack(&dict.f32(key)?),
        })
    }

    /// The packed bytes of a matrix in order, a few panels at a time, so that the host never holds a large one; `None`
    /// for what is small enough to be packed whole.
    pub fn pieces(
        &self,
        dict: &StateDict,
        panels: Panels,
        precision: DType,
        sink: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<Option<()>> {
        let (m, first, count) = match self {
            Pack::Matrix(m) => (m, 0, columns(m, panels).1),
            Pack::Part { matrix, first, count } => (matrix, *first, *count),
            _ => return Ok(None),
        };
        let one = (panel_bytes(m, panels, precision)).max(1);
        let step = (PIECE / one).clamp(1, u64::from(count.max(1))) as u32;
        for from in (first..first + count).step_by(step as usize) {
            let rows = |first: usize, count: usize| stored_rows(m, dict, first, count);
            let range = from..from + step.min(first + count - from);
            let piece = arrange_panels(m, &rows, dict, panels, range)?;
            sink(&precision.pack(&piece))?;
        }
        Ok(Some(()))
    }

    /// Bytes of the packed buffer when they follow from the layout alone; tables and flat values are small.
    pub fn bytes(&self, panels: Panels, precision: DType) -> u64 {
        match self {
            Pack::Matrix(m) => panel_bytes(m, panels, precision) * u64::from(columns(m, panels).1),
            Pack::Part { matrix, count, .. } => panel_bytes(matrix, panels, precision) * u64::from(*count),
            Pack::Addition(a) => a.bytes(panels, precision),
            Pack::Bias(m) => {
                let (width, count) = columns(m, panels);
                u64::from(4 * width * count) * 4
            }
            Pack::Depthwise { kernel, channels, .. } => {
                u64::from(kernel * kernel * channels.padded()) * precision.size() as u64
            }
            Pack::Vector { channels, .. } => u64::from(channels.padded()) * 4,
            Pack::Rows { rows, channels, .. } => u64::from(rows * channels.padded()) * 4,
            Pack::Table { .. } | Pack::Flat { .. } => 0,
        }
    }
}

/// Bytes packed at a time.
const PIECE: u64 = 8 << 20;

/// Bytes of one panel.
pub fn panel_bytes(m: &Matrix, panels: Panels, precision: DType) -> u64 {
    let depth = u64::from(m.kernel.0 * m.kernel.1 * m.inputs.padded());
    depth * u64::from(4 * columns(m, panels).0) * precision.size() as u64
}

/// Depthwise weights `[C, 1, k, k]` as `[k * k, padded channels]`.
fn pack_depthwise(dict: &StateDict, key: &str, kernel: u32, channels: &Channels) -> Result<Vec<f32>> {
    let taps = (kernel * kernel) as usize;
    let values = sized(dict, key, channels.logical() as usize * taps)?;
    let stride = channels.padded() as usize;
    let mut out = vec![0.0; taps * stride];
    for (c, at) in channels.positions().iter().enumerate() {
        for tap in 0..taps {
            out[tap * stride + *at as usize] = values[c * taps + tap];
        }
    }
    Ok(out)
}

fn sized(dict: &StateDict, key: &str, count: usize) -> Result<Vec<f32>> {
    let values = dict.f32(key)?;
    if values.len() != count {
        return Err(Error::new(Kind::Checkpoint, format!("the tensor {key} of {} has the wrong size", dict.name()))
            .why(format!("expected {count} values, got {}", values.len())));
    }
    Ok(values)
}

fn spread(values: &[f32], channels: &Channels) -> Vec<f32> {
    let mut out = vec![0.0; channels.padded() as usize];
    for (v, at) in values.iter().zip(channels.positions()) {
        out[at as usize] = *v;
    }
    out
}

/// Quads of one panel and number of panels.
fn columns(m: &Matrix, panels: Panels) -> (u32, u32) {
    if m.gated {
        (panels.gated, (m.outputs.quads() / 2).div_ceil(panels.gated / 2))
    } else {
        (panels.plain, m.outputs.quads().div_ceil(panels.plain))
    }
}

/// Where logical output channel lies among the columns: panel and lane inside it.
fn place(m: &Matrix, panels: Panels) -> Vec<(usize, usize)> {
    let (width, _) = columns(m, panels);
    m.outputs
        .positions()
        .iter()
        .map(|at| {
            let (quad, lane) = (at / 4, at % 4);
            let (panel, column) = if m.gated {
                let half = m.outputs.quads() / 2;
                let own = if quad < half { quad } else { quad - half };
                let second = if (quad < half) == m.swapped { width / 2 } else { 0 };
                (own / (width / 2), own % (width / 2) + second)
            } else {
                (quad / width, quad % width)
            };
            (panel as usize, (4 * column + lane) as usize)
        })
        .collect()
}

fn optional(dict: &StateDict, key: Option<&String>, count: usize) -> Result<Option<Vec<f32>>> {
    key.map(|k| sized(dict, k, count)).transpose()
}

/// The used input channels of `count` used rows from `first` on, `[count, in * taps]`.
fn stored_rows(m: &Matrix, dict: &StateDict, first: usize, count: usize) -> Result<Vec<f32>> {
    let taps = (m.kernel.0 * m.kernel.1) as usize;
    let used = m.inputs.logical() as usize * taps;
    let shape = dict.shape(&m.weight).ok_or_else(|| dict.missing(&m.weight))?;
    let row: usize = shape.iter().skip(1).product();
    let skipped = m.columns.map_or(0, |(from, _)| from as usize * taps);
    if skipped + used > row || (m.columns.is_none() && row != used) {
        let what = format!("the tensor {} of {} has the wrong size", m.weight, dict.name());
        return Err(Error::new(Kind::Checkpoint, what).why(format!("expected rows of {used} values, got {row}")));
    }
    let first = first + m.rows.map_or(0, |(from, _)| from as usize);
    let values = dict.f32_range(&m.weight, first * row, count * row)?;
    if row == used {
        return Ok(values);
    }
    Ok(values.chunks_exact(row).flat_map(|r| &r[skipped..skipped + used]).copied().collect())
}

/// Some of the panels. `rows` gives neighbouring rows by the first and their number, those of one panel at a time.
fn arrange_panels(
    m: &Matrix,
    rows: &dyn Fn(usize, usize) -> Result<Vec<f32>>,
    dict: &StateDict,
    panels: Panels,
    range: Range<u32>,
) -> Result<Vec<f32>> {
    let (inputs, taps) = (m.inputs.logical() as usize, (m.kernel.0 * m.kernel.1) as usize);
    let gamma = optional(dict, m.gamma.as_ref(), inputs)?;
    let scale = optional(dict, m.out_scale.as_ref(), m.outputs.logical() as usize)?;
    let width = 4 * columns(m, panels).0 as usize;
    let padded = m.inputs.padded() as usize;
    let depth = taps * padded;
    let mut out = vec![0.0; range.len() * depth * width];
    let (positions, place) = (m.inputs.positions(), place(m, panels));
    for (own, panel) in range.zip(out.chunks_exact_mut(depth * width)) {
        let mut from = 0;
        while let Some(start) = place[from..].iter().position(|(p, _)| *p == own as usize).map(|at| from + at) {
            let end = place[start..].iter().position(|(p, _)| *p != own as usize).map_or(place.len(), |at| start + at);
            from = end;
            let values = rows(start, end - start)?;
            for (input, at) in positions.iter().enumerate() {
                let factor = gamma.as_ref().map_or(1.0, |g| g[input]);
                for tap in 0..taps {
                    let line = &mut panel[(tap * padded + *at as usize) * width..][..width];
                    for (o, (_, column)) in place[start..end].iter().enumerate() {
                        let factor = factor * scale.as_ref().map_or(1.0, |s| s[start + o]);
                        line[*column] = values[(o * inputs + input) * taps + tap] * factor;
                    }
                }
            }
        }
    }
    Ok(out)
}

fn pack_bias(m: &Matrix, dict: &StateDict, panels: Panels) -> Result<Vec<f32>> {
    let outputs = m.outputs.logical() as usize;
    let mut bias = match (&m.bias, m.rows) {
        (Some(key), Some((first, _))) => dict.f32_range(key, first as usize, outputs)?,
        (Some(key), None) => sized(dict, key, outputs)?,
        (None, _) => vec![0.0; outputs],
    };
    let inputs = m.inputs.logical() as usize;
    if let Some(beta) = optional(dict, m.beta.as_ref(), inputs)? {
        for (o, b) in bias.iter_mut().enumerate() {
            let row = stored_rows(m, dict, o, 1)?;
            *b += row.iter().zip(&beta).map(|(w, v)| f64::from(*w) * f64::from(*v)).sum::<f64>() as f32;
        }
    }
    if let Some(scale) = optional(dict, m.out_scale.as_ref(), outputs)? {
        bias.iter_mut().zip(scale).for_each(|(b, s)| *b *= s);
    }
    let (width, count) = columns(m, panels);
    let mut out = vec![0.0; (4 * width * count) as usize];
    for (b, (panel, column)) in bias.into_iter().zip(place(m, panels)) {
        out[panel * 4 * width as usize + column] = b;
    }
    Ok(out)
}
