//! What happens to tokens on the host: 77 rows of a table, and one vector of the result, are not worth a kernel.

use super::Config;
use crate::base::{Error, Kind, Result};
use crate::checkpoint::StateDict;

/// Token and position embeddings `[ids.len(), width]` of texts that have `tokens` ids each. Reads only the rows it
/// needs from a canonical checkpoint.
pub fn embed(c: &Config, dict: &StateDict, root: &str, ids: &[i64], tokens: usize) -> Result<Vec<f32>> {
    let width = c.width as usize;
    if tokens == 0 || tokens > c.positions as usize {
        return Err(Error::new(Kind::Usage, format!("a text of {tokens} tokens"))
            .why(format!("the text tower takes 1 to {}", c.positions)));
    }
    let position = dict.f32_range(&format!("{root}embeddings.position_embedding.weight"), 0, tokens * width)?;
    let mut out = Vec::with_capacity(ids.len() * width);
    for (i, id) in ids.iter().enumerate() {
        let row = u32::try_from(*id).ok().filter(|id| *id < c.vocabulary).ok_or_else(|| {
            Error::new(Kind::Usage, format!("the token {id}"))
                .why(format!("the vocabulary has {} tokens", c.vocabulary))
        })?;
        let row = dict.f32_range(&format!("{root}embeddings.token_embedding.weight"), row as usize * width, width)?;
        out.extend(row.iter().zip(&position[i % tokens * width..]).map(|(a, b)| a + b));
    }
    Ok(out)
}

/// One vector for each text: its hidden state at the end token, through the text projection where the checkpoint has
/// one. `hidden` is `[texts, tokens, width]` without padding.
pub fn pool(c: &Config, dict: &StateDict, hidden: &[f32], ids: &[i64], tokens: usize) -> Result<Vec<f32>> {
    let width = c.width as usize;
    let projection = c.projection.map(|_| dict.f32("text_projection")).transpose()?;
    let mut out = Vec::new();
    for (text, ids) in ids.chunks(tokens).enumerate() {
        // The end token has the highest id, and padding may repeat it.
        let end = ids.iter().max().and_then(|end| ids.iter().position(|id| id == end)).unwrap_or(0);
        let row = &hidden[(text * tokens + end) * width..][..width];
        match &projection {
            None => out.extend_from_slice(row),
            Some(p) => {
                let columns = p.len() / width;
                out.extend((0..columns).map(|column| {
                    let products =
                        row.iter().enumerate().map(|(i, v)| f64::from(*v) * f64::from(p[i * columns + column]));
                    products.sum::<f64>() as f32
                }));
            }
        }
    }
    Ok(out)
}
