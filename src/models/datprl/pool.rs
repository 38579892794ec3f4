//! A prompt pool and the mapper that asks it: query, nearest keys, blend of their values, one prompt vector.

use crate::base::{Channels, Result};
use crate::checkpoint::prepack::Pack;
use crate::kernel::TensorId;
use crate::nn::Build;
use crate::nn::layers::Conv;
use crate::ops::Activation;
use crate::ops::attention::prompt_select::PromptSelect;
use crate::ops::reduce::adaptive_mean::AdaptiveMean;
use crate::ops::reduce::weighted_rows::WeightedRows;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// Prompts.
    pub size: u32,
    pub dim: u32,
    /// Prompts that a query selects.
    pub keep: u32,
    /// Vectors of `dim` that make up one prompt.
    pub tokens: u32,
}

/// Keys `mapper.1`, `mapper.4`, `mapper.8` (the layers between have no weights): features of any size to a query
/// `[n, 1, 1, dim]`. `bins` are the sides of the two pools.
pub fn query(b: &mut Build<'_>, path: &str, x: TensorId, bins: [u32; 2], dim: u32) -> Result<TensorId> {
    let at = |i: u32| format!("{path}.mapper.{i}");
    let c = b.shape(x).c.logical();
    let mut t = x;
    for (i, (side, out)) in bins.into_iter().zip([c / 2, c / 4]).enumerate() {
        let first = 3 * i as u32;
        t = b.add(&at(first), AdaptiveMean { h: side, w: side }, &[t], &[])?;
        t = b.conv(&at(first + 1), t, Conv::same(out, 3, true))?;
        t = b.activate(&at(first + 2), t, Activation::Relu)?;
    }
    let t = b.global_mean(&at(6), t)?;
    let y = b.conv(&at(8), t, Conv::point(Channels::one(dim), true))?;
    b.tap(path, y);
    Ok(y)
}

/// The prompt `[n, 1, 1, dim]` for a query, and the weights `[n, 1, 1, size]` of the pool's prompts in it.
pub fn select(b: &mut Build<'_>, path: &str, pool: &Pool, query: TensorId) -> Result<(TensorId, TensorId)> {
    let at = |name: &str| format!("{path}.{name}");
    let Pool { size, dim, keep, tokens } = *pool;
    let (keys, temperature, values) = (at("prompt_keys"), at("temperature"), at("prompt_values"));
    b.expect_weight(&keys, &[size, dim])?;
    b.expect_weight(&temperature, &[])?;
    b.expect_weight(&values, &[size, tokens, dim])?;
    let params = [
        b.graph.param(Pack::Table { key: keys, channels: Channels::one(dim) }),
        b.graph.param(Pack::Flat { key: temperature }),
    ];
    let weights = b.graph.add(&at("select"), PromptSelect { count: size, keep }, &[query], &params)?;
    let values = b.graph.param(Pack::Table { key: values, channels: Channels::one(tokens * dim) });
    let blend = WeightedRows { channels: tokens * dim, factor: 1.0 };
    let t = b.graph.add(&at("values"), blend, &[weights], &[values])?;
    let t = b.conv(&at("value_aggregation.0"), t, Conv::point(Channels::one(dim), true))?;
    let t = b.layer_norm(&at("value_aggregation.1"), t, 1e-5)?;
    let y = b.activate(&at("value_aggregation.2"), t, Activation::Gelu)?;
    b.tap(&at("0"), y);
    Ok((y, weights))
}
