//! MDTA, transposed attention over channels (Zamir et al. 2022, "Restormer", section 3.1). The product of attention map
//! and output projection is one matrix per image, so applying both is a single contraction.

use crate::base::{Channels, Result};
use crate::checkpoint::prepack::Pack;
use crate::kernel::{ParamId, TensorId};
use crate::nn::Build;
use crate::nn::layers::Conv;
use crate::ops::attention::channel_gram::ChannelGram;
use crate::ops::attention::channel_project::ChannelProject;
use crate::ops::attention::channel_softmax::ChannelSoftmax;
use crate::ops::matmul::contract::Contract;

/// Keys `temperature` `[heads, 1, 1]`, `qkv`, `qkv_dwconv`, `project_out`. Input and output `[n, h, w, C]`.
pub fn mdta(b: &mut Build<'_>, path: &str, x: TensorId, heads: u32, bias: bool) -> Result<TensorId> {
    let channels = b.shape(x).c;
    let c = head_channels(path, channels.logical(), heads)?;
    let qkv = Conv::point(Channels::repeat(c, 3 * heads), bias);
    let qkv = b.conv(&format!("{path}.qkv"), x, qkv)?;
    let qkv = b.depthwise(&format!("{path}.qkv_dwconv"), qkv, 3, bias)?;
    let heads_usize = heads as usize;
    attend(b, path, heads, bias, channels, (qkv, 0), (qkv, heads_usize), (qkv, 2 * heads_usize))
}

/// Attention of q over k and v, each given by its tensor and the first of its head segments, and the projection.
#[allow(clippy::too_many_arguments)]
pub fn attend(
    b: &mut Build<'_>,
    path: &str,
    heads: u32,
    bias: bool,
    out: Channels,
    q: (TensorId, usize),
    k: (TensorId, usize),
    v: (TensorId, usize),
) -> Result<TensorId> {
    attend_with(b, path, heads, bias, out, q, k, v, &mut |b, path, gram, temperature, channels| {
        b.graph.add(path, ChannelSoftmax { heads, channels }, &[gram], &[temperature])
    })
}

/// Makes the attention map: builder, path, Gram matrices, temperature, channels of a head.
pub type Map<'f> = dyn FnMut(&mut Build<'_>, &str, TensorId, ParamId, u32) -> Result<TensorId> + 'f;

/// [`attend`] with a map of its own.
#[allow(clippy::too_many_arguments)]
pub fn attend_with(
    b: &mut Build<'_>,
    path: &str,
    heads: u32,
    bias: bool,
    out: Channels,
    q: (TensorId, usize),
    k: (TensorId, usize),
    v: (TensorId, usize),
    map: &mut Map<'_>,
) -> Result<TensorId> {
    let c = head_channels(path, out.logical(), heads)?;
    let gram = b.graph.add(&format!("{path}.gram"), ChannelGram { heads, q: q.1, k: k.1 }, &[q.0, k.0], &[])?;
    let key = format!("{path}.temperature");
    b.expect_weight(&key, &[heads])?;
    let temperature = b.graph.param(Pack::Flat { key });
    let map = map(b, &format!("{path}.softmax"), gram, temperature, c)?;
    let path_out = format!("{path}.project_out");
    let inputs = Channels::repeat(c, heads);
    let matrix = b.matrix(&path_out, &inputs, &Conv::point(out.clone(), bias))?;
    let weight = b.graph.param(Pack::Matrix(matrix.clone()));
    let joined =
        b.graph.add(&format!("{path}.project"), ChannelProject { channels: c, out: out.clone() }, &[map], &[weight])?;
    let bias_param = bias.then(|| b.graph.param(Pack::Bias(matrix)));
    let op = Contract { segments: Some((v.1, v.1 + heads as usize)), dynamic: true, ..Contract::linear(out, bias) };
    let params: Vec<_> = bias_param.into_iter().collect();
    let y = b.add(&path_out, op, &[v.0, joined], &params)?;
    b.tap(path, y);
    Ok(y)
}

pub(crate) fn head_channels(path: &str, channels: u32, heads: u32) -> Result<u32> {
    use crate::base::{Error, Kind};
    if heads == 0 || !channels.is_multiple_of(heads) {
        return Err(Error::new(
            Kind::Checkpoint,
            format!("{path} cannot split {channels} channels into {heads} heads"),
        ));
    }
    Ok(channels / heads)
}
