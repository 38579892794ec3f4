//! The transformer over patches (official class `VisionTransformer`). A patch of p x p pixels is one token; tokens keep
//! their places, so the token grid is simply a smaller picture.

use super::Config;
use crate::base::{Channels, Result};
use crate::checkpoint::prepack::{Matrix, Pack};
use crate::kernel::{ParamId, TensorId};
use crate::nn::Build;
use crate::nn::layers::Conv;
use crate::ops::Activation;
use crate::ops::attention::global_attention::GlobalAttention;
use crate::ops::elementwise::add_table::AddTable;
use crate::ops::matmul::contract::Contract;
use crate::ops::resample::pixel_regroup::PixelRegroup;

/// What every layer needs.
struct Layers<'c> {
    c: &'c Config,
    /// Positions that every layer adds (`pos_every`).
    position: Option<ParamId>,
    /// The query embedding of the task; none without the token MLPs.
    query: Option<ParamId>,
}

/// From features to features.
pub fn body(c: &Config, b: &mut Build<'_>, x: TensorId, index: u32) -> Result<TensorId> {
    let mut t = b.graph.add("body.unfold", PixelRegroup { factor: c.patch_dim, fine: false }, &[x], &[])?;
    let mut query = None;
    if !c.no_mlp {
        let encoded = linear(b, "body.linear_encoding", t, c.token(), true)?;
        t = b.sum("body.encoded", encoded, t)?;
        query = Some(query_table(c, b, index)?);
    }
    let position = if c.no_pos { None } else { Some(position_table(c, b)?) };
    if let (Some(table), false) = (position, c.pos_every) {
        t = add_table(c, b, "body.position", t, table)?;
    }
    let layers = Layers { c, position: position.filter(|_| c.pos_every), query };
    for i in 0..c.num_layers {
        t = layers.encode(b, &format!("body.encoder.layers.{i}"), t)?;
    }
    b.tap("body.encoder", t);
    let memory = t;
    for i in 0..c.num_layers {
        t = layers.decode(b, &format!("body.decoder.layers.{i}"), t, memory)?;
    }
    b.tap("body.decoder", t);
    if !c.no_mlp {
        let hidden = linear(b, "body.mlp_head.0", t, 4 * c.token(), true)?;
        let hidden = b.activate("body.mlp_head.2", hidden, Activation::Relu)?;
        let out = linear(b, "body.mlp_head.3", hidden, c.token(), true)?;
        t = b.sum("body.decoded", out, t)?;
    }
    let y = b.graph.add("body.fold", PixelRegroup { factor: c.patch_dim, fine: true }, &[t], &[])?;
    b.tap("body", y);
    Ok(y)
}

fn linear(b: &mut Build<'_>, path: &str, x: TensorId, out: u32, bias: bool) -> Result<TensorId> {
    b.conv(path, x, Conv::point(Channels::one(out), bias))
}

fn position_table(c: &Config, b: &mut Build<'_>) -> Result<ParamId> {
    let key = "body.position_encoding.pe.weight";
    b.expect_weight(key, &[c.tokens(), c.token()])?;
    Ok(b.graph.param(Pack::Table { key: key.to_owned(), channels: Channels::one(c.token()) }))
}

/// Row `index` of the query embeddings holds one query a token.
fn query_table(c: &Config, b: &mut Build<'_>, index: u32) -> Result<ParamId> {
    let key = "body.query_embed.weight";
    let values = c.tokens() * c.token();
    b.expect_weight(key, &[c.num_queries, values])?;
    let channels = Channels::one(c.token());
    Ok(b.graph.param(Pack::Rows { key: key.to_owned(), first: index * values, rows: c.tokens(), channels }))
}

fn add_table(c: &Config, b: &mut Build<'_>, path: &str, x: TensorId, table: ParamId) -> Result<TensorId> {
    b.graph.add(path, AddTable { rows: c.tokens() }, &[x], &[table])
}

impl Layers<'_> {
    fn norm(&self, b: &mut Build<'_>, path: &str, x: TensorId) -> Result<TensorId> {
        if self.c.no_norm { Ok(x) } else { b.layer_norm(path, x, 1e-5) }
    }

    fn embed(&self, b: &mut Build<'_>, path: &str, x: TensorId, table: Option<ParamId>) -> Result<TensorId> {
        table.map_or(Ok(x), |t| add_table(self.c, b, path, x, t))
    }

    /// `x += self_attn(norm1 x); x += mlp(norm2 x)`
    fn encode(&self, b: &mut Build<'_>, path: &str, x: TensorId) -> Result<TensorId> {
        let at = |name: &str| format!("{path}.{name}");
        let s = self.norm(b, &at("norm1"), x)?;
        let qk = self.embed(b, &at("position"), s, self.position)?;
        let t = self.attend(b, &at("self_attn"), qk, qk, s)?;
        let x = b.sum(&at("add1"), x, t)?;
        let x = self.mlp(b, path, "norm2", x)?;
        b.tap(path, x);
        Ok(x)
    }

    /// `x += self_attn(norm1 x); x += multihead_attn(norm2 x, memory); x += mlp(norm3 x)`, queries shifted by the
    /// embedding of the task.
    fn decode(&self, b: &mut Build<'_>, path: &str, x: TensorId, memory: TensorId) -> Result<TensorId> {
        let at = |name: &str| format!("{path}.{name}");
        let s = self.norm(b, &at("norm1"), x)?;
        let qk = self.embed(b, &at("query1"), s, self.query)?;
        let t = self.attend(b, &at("self_attn"), qk, qk, s)?;
        let x = b.sum(&at("add1"), x, t)?;
        let q = self.norm(b, &at("norm2"), x)?;
        let q = self.embed(b, &at("query2"), q, self.query)?;
        let k = self.embed(b, &at("position"), memory, self.position)?;
        let t = self.attend(b, &at("multihead_attn"), q, k, memory)?;
        let x = b.sum(&at("add2"), x, t)?;
        let x = self.mlp(b, path, "norm3", x)?;
        b.tap(path, x);
        Ok(x)
    }

    fn mlp(&self, b: &mut Build<'_>, path: &str, norm: &str, x: TensorId) -> Result<TensorId> {
        let at = |name: &str| format!("{path}.{name}");
        let t = self.norm(b, &at(norm), x)?;
        let t = linear(b, &at("linear1"), t, 4 * self.c.token(), true)?;
        let t = b.activate(&at("relu"), t, Activation::Relu)?;
        let t = linear(b, &at("linear2"), t, self.c.token(), true)?;
        b.sum(&at("add"), x, t)
    }

    /// `nn.MultiheadAttention` without biases. Projections of the same input are one contraction.
    fn attend(&self, b: &mut Build<'_>, path: &str, q: TensorId, k: TensorId, v: TensorId) -> Result<TensorId> {
        let (heads, token) = (self.c.num_heads, self.c.token());
        let key = format!("{path}.in_proj_weight");
        b.expect_weight(&key, &[3 * token, token])?;
        let mut project = |x: TensorId, from: u32, to: u32| {
            let outputs = Channels::repeat(token / heads, (to - from) * heads);
            let matrix = Matrix {
                weight: key.clone(),
                bias: None,
                rows: Some((from * token, to * token)),
                columns: None,
                kernel: (1, 1),
                inputs: b.shape(x).c,
                outputs: outputs.clone(),
                gamma: None,
                beta: None,
                out_scale: None,
                gated: false,
                swapped: false,
            };
            let params = b.matrix_params(matrix);
            let name = ["q", "k", "v"][from as usize..to as usize].concat();
            b.graph.add(&format!("{path}.{name}"), Contract::linear(outputs, false), &[x], &params)
        };
        let h = heads as usize;
        let (tensors, segments) = if q == k && k == v {
            let t = project(q, 0, 3)?;
            ([t; 3], (0, h, 2 * h))
        } else if q == k {
            let qk = project(q, 0, 2)?;
            ([qk, qk, project(v, 2, 3)?], (0, h, 0))
        } else if k == v {
            let kv = project(k, 1, 3)?;
            ([project(q, 0, 1)?, kv, kv], (0, 0, h))
        } else {
            ([project(q, 0, 1)?, project(k, 1, 2)?, project(v, 2, 3)?], (0, 0, 0))
        };
        let op = GlobalAttention { heads, channels: token / heads, segments, causal: false };
        let t = b.graph.add(&format!("{path}.attention"), op, &tensors, &[])?;
        let y = linear(b, &format!("{path}.out_proj"), t, token, false)?;
        b.tap(&format!("{path}.0"), y);
        Ok(y)
    }
}
