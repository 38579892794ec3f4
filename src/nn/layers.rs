//! Convolutions, linear layers, norms and the small operations between them.

use crate::base::{Channels, Error, Kind, Result};
use crate::checkpoint::prepack::{Matrix, Pack};
use crate::kernel::{ParamId, TensorId};
use crate::nn::Build;
use crate::ops::conv::depthwise::Depthwise;
use crate::ops::elementwise::activation::Activate;
use crate::ops::elementwise::binary::Binary;
use crate::ops::elementwise::gate::Gate;
use crate::ops::matmul::contract::Contract;
use crate::ops::norm::group_moments::GroupMoments;
use crate::ops::norm::group_norm::GroupNorm;
use crate::ops::norm::group_stats::GroupStats;
use crate::ops::norm::layer_norm::LayerNorm;
use crate::ops::reduce::mean::Mean;
use crate::ops::resample::concat::Concat;
use crate::ops::resample::pixel_shuffle::PixelShuffle;
use crate::ops::resample::pixel_unshuffle::PixelUnshuffle;
use crate::ops::resample::resize::Resize;
use crate::ops::resample::window::Window;
use crate::ops::{Activation, Storage};

/// The two LayerNorms of Restormer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NormKind {
    WithBias,
    /// Divides by the deviation about the mean without subtracting the mean.
    BiasFree,
}

/// A convolution: where its weights are and what it computes.
#[derive(Debug, Clone)]
pub struct Conv {
    pub out: Channels,
    pub kernel: u32,
    pub stride: u32,
    pub pad: u32,
    pub bias: bool,
    /// Key of a factor for each output channel, folded into the weights.
    pub out_scale: Option<String>,
    /// The input is channels `.0..` of `.1` stored ones.
    pub slice: Option<(u32, u32)>,
}

impl Conv {
    /// Stride 1, padding `kernel / 2`.
    pub fn same(out: u32, kernel: u32, bias: bool) -> Self {
        Conv { out: Channels::one(out), kernel, stride: 1, pad: kernel / 2, bias, out_scale: None, slice: None }
    }

    /// 1x1.
    pub fn point(out: Channels, bias: bool) -> Self {
        Conv { out, kernel: 1, stride: 1, pad: 0, bias, out_scale: None, slice: None }
    }

    /// Reads the channels from `first` on of an input that has `total`.
    #[must_use]
    pub fn slice(mut self, first: u32, total: u32) -> Self {
        self.slice = Some((first, total));
        self
    }

    #[must_use]
    pub fn scaled_by(mut self, key: String) -> Self {
        self.out_scale = Some(key);
        self
    }
}

impl Build<'_> {
    /// `path.weight`, `path.bias`: convolution or linear layer.
    pub fn conv(&mut self, path: &str, x: TensorId, conv: Conv) -> Result<TensorId> {
        let inputs = self.shape(x).c;
        let matrix = self.matrix(path, &inputs, &conv)?;
        let mut op = Contract::conv(conv.out.clone(), conv.kernel, conv.stride, conv.pad, conv.bias);
        op.kernel = (conv.kernel, conv.kernel);
        let params = self.matrix_params(matrix.clone());
        if matrix.out_scale.is_none() || !self.tapped(path) {
            return self.add(path, op, &[x], &params);
        }
        // A tap shows what the module itself gives, before the factor that the weights of the flow hold.
        let own = self.matrix_params(Matrix { out_scale: None, ..matrix });
        self.add(path, op.clone(), &[x], &own)?;
        self.graph.add(path, op, &[x], &params)
    }

    /// Proves the weights of a convolution and describes its matrix.
    pub fn matrix(&mut self, path: &str, inputs: &Channels, conv: &Conv) -> Result<Matrix> {
        let weight = format!("{path}.weight");
        let stored = conv.slice.map_or(inputs.logical(), |(_, total)| total);
        self.expect_weight(&weight, &[conv.out.logical(), stored, conv.kernel, conv.kernel])?;
        let bias = conv.bias.then(|| format!("{path}.bias"));
        if let Some(key) = &bias {
            self.expect_weight(key, &[conv.out.logical()])?;
        }
        if let Some(key) = &conv.out_scale {
            let found = self.weight_shape(key)?;
            if found.iter().map(|d| u64::from(*d)).product::<u64>() != u64::from(conv.out.logical()) {
                let what = format!("the weight {key} of {} has the wrong shape", self.dict().name());
                return Err(Error::new(Kind::Checkpoint, what)
                    .why(format!("expected {} values, got {found:?}", conv.out.logical()))
                    .advice("the checkpoint does not belong to this architecture or configuration"));
            }
        }
        Ok(Matrix {
            weight,
            bias,
            rows: None,
            columns: conv.slice.map(|(first, _)| (first, first + inputs.logical())),
            kernel: (conv.kernel, conv.kernel),
            inputs: inputs.clone(),
            outputs: conv.out.clone(),
            gamma: None,
            beta: None,
            out_scale: conv.out_scale.clone(),
            gated: false,
            swapped: false,
        })
    }

    /// The parameters of a contraction: matrix, and bias if it has one.
    pub fn matrix_params(&mut self, matrix: Matrix) -> Vec<ParamId> {
        let mut params = vec![self.graph.param(Pack::Matrix(matrix.clone()))];
        if matrix.has_bias() {
            params.push(self.graph.param(Pack::Bias(matrix)));
        }
        params
    }

    /// `path.weight` `[C, 1, k, k]`, `path.bias`: depthwise convolution, padding k / 2.
    pub fn depthwise(&mut self, path: &str, x: TensorId, kernel: u32, bias: bool) -> Result<TensorId> {
        let channels = self.shape(x).c;
        let weight = format!("{path}.weight");
        self.expect_weight(&weight, &[channels.logical(), 1, kernel, kernel])?;
        let mut params = vec![self.graph.param(Pack::Depthwise { weight, kernel, channels: channels.clone() })];
        if bias {
            params.push(self.vector(&format!("{path}.bias"), &channels)?);
        }
        self.add(path, Depthwise::new(kernel, bias), &[x], &params)
    }

    /// One f32 value a channel.
    pub fn vector(&mut self, key: &str, channels: &Channels) -> Result<ParamId> {
        self.expect_weight(key, &[channels.logical()])?;
        Ok(self.graph.param(Pack::Vector { key: key.to_owned(), channels: channels.clone() }))
    }

    /// LayerNorm over channels with keys `path.weight`, `path.bias`.
    pub fn layer_norm(&mut self, path: &str, x: TensorId, eps: f32) -> Result<TensorId> {
        self.norm_with(path, path, x, eps, NormKind::WithBias)
    }

    /// Restormer's LayerNorm: keys `path.body.weight`, `path.body.bias`, eps 1e-5.
    pub fn body_norm(&mut self, path: &str, x: TensorId, kind: NormKind) -> Result<TensorId> {
        self.norm_with(path, &format!("{path}.body"), x, 1e-5, kind)
    }

    fn norm_with(&mut self, path: &str, keys: &str, x: TensorId, eps: f32, kind: NormKind) -> Result<TensorId> {
        let channels = self.shape(x).c;
        let with_bias = kind == NormKind::WithBias;
        let mut params = vec![self.vector(&format!("{keys}.weight"), &channels)?];
        if with_bias {
            params.push(self.vector(&format!("{keys}.bias"), &channels)?);
        }
        self.add(path, LayerNorm { eps, centre: with_bias, weight: true, bias: with_bias }, &[x], &params)
    }

    /// GroupNorm with keys `path.weight`, `path.bias`.
    pub fn group_norm(&mut self, path: &str, x: TensorId, groups: u32, eps: f32) -> Result<TensorId> {
        let shape = self.shape(x);
        let params =
            [self.vector(&format!("{path}.weight"), &shape.c)?, self.vector(&format!("{path}.bias"), &shape.c)?];
        let moments = GroupMoments::for_pixels(shape.pixels());
        let moments = self.graph.add(&format!("{path}.moments"), moments, &[x], &[])?;
        let stats = GroupStats { groups, eps, pixels: shape.pixels() };
        let stats = self.graph.add(&format!("{path}.stats"), stats, &[moments], &[])?;
        self.add(path, GroupNorm { groups, activation: Activation::None }, &[x, stats], &params)
    }

    pub fn sum(&mut self, path: &str, a: TensorId, b: TensorId) -> Result<TensorId> {
        self.graph.add(path, Binary::ADD, &[a, b], &[])
    }

    pub fn product(&mut self, path: &str, a: TensorId, b: TensorId) -> Result<TensorId> {
        self.graph.add(path, Binary::MULTIPLY, &[a, b], &[])
    }

    pub fn activate(&mut self, path: &str, x: TensorId, activation: Activation) -> Result<TensorId> {
        self.graph.add(path, Activate { activation }, &[x], &[])
    }

    /// `first half * activation(second half)`.
    pub fn swapped_gate(&mut self, path: &str, x: TensorId, activation: Activation) -> Result<TensorId> {
        self.graph.add(path, Gate { activation, swap: true }, &[x], &[])
    }

    /// `activation(first half) * second half`.
    pub fn gate(&mut self, path: &str, x: TensorId, activation: Activation) -> Result<TensorId> {
        self.graph.add(path, Gate { activation, swap: false }, &[x], &[])
    }

    pub fn concat(&mut self, path: &str, a: TensorId, b: TensorId) -> Result<TensorId> {
        self.graph.add(path, Concat, &[a, b], &[])
    }

    pub fn pixel_shuffle(&mut self, path: &str, x: TensorId) -> Result<TensorId> {
        self.add(path, PixelShuffle::default(), &[x], &[])
    }

    pub fn pixel_unshuffle(&mut self, path: &str, x: TensorId) -> Result<TensorId> {
        self.add(path, PixelUnshuffle, &[x], &[])
    }

    /// Bilinear, half-pixel centres.
    pub fn resize(&mut self, path: &str, x: TensorId, h: u32, w: u32) -> Result<TensorId> {
        self.graph.add(path, Resize { h, w, nearest: false }, &[x], &[])
    }

    /// Source index floor(i * in / out).
    pub fn resize_nearest(&mut self, path: &str, x: TensorId, h: u32, w: u32) -> Result<TensorId> {
        self.graph.add(path, Resize { h, w, nearest: true }, &[x], &[])
    }

    /// Zero-pads right and bottom to a multiple of `multiple`; nothing is added when the size fits.
    pub fn pad_to_multiple(&mut self, x: TensorId, multiple: u32) -> Result<TensorId> {
        let s = self.shape(x);
        let (h, w) = (s.h.next_multiple_of(multiple), s.w.next_multiple_of(multiple));
        if (h, w) == (s.h, s.w) {
            return Ok(x);
        }
        self.graph.add("pad", Window::to(h, w), &[x], &[])
    }

    /// The top-left `h` x `w` pixels.
    pub fn crop(&mut self, x: TensorId, h: u32, w: u32) -> Result<TensorId> {
        let s = self.shape(x);
        if (h, w) == (s.h, s.w) {
            return Ok(x);
        }
        self.graph.add("crop", Window::to(h, w), &[x], &[])
    }

    /// Mean over all pixels, in two passes when there are many.
    pub fn global_mean(&mut self, path: &str, x: TensorId) -> Result<TensorId> {
        let s = self.shape(x);
        let factor = 1.0 / s.pixels() as f32;
        // A chunk keeps a CPU's invocation busy, and a workgroup of a GPU, which has many.
        let (pixels, most) = if self.graph.target.wide() == 1 { (4096, 64) } else { (512, 256) };
        let chunks = (s.pixels() / pixels).clamp(1, most);
        let last = Mean { chunks: 1, factor, storage: Storage::Activation };
        if chunks == 1 {
            return self.add(path, last, &[x], &[]);
        }
        let sums = self.graph.add(path, Mean { chunks, factor: 1.0, storage: Storage::F32 }, &[x], &[])?;
        self.add(path, last, &[sums], &[])
    }
}
