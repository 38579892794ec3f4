//! Tokenizer cases: a list of texts, and a row of ids for each.

use super::Report;
use crate::base::Result;
use crate::text::{Pad, Tokenizer};

pub fn run(report: &mut Report) -> Result<()> {
    let vectors = report.case.document.get("vectors").and_then(|v| v.as_array()).cloned();
    let vectors = vectors.ok_or_else(|| report.lacks("the list 'vectors'"))?;
    let tokenizer = Tokenizer::clip()?;
    let texts: Option<Vec<&str>> = vectors.iter().map(|v| v.get("text")?.as_str()).collect();
    let texts = texts.ok_or_else(|| report.lacks("'text' of a vector"))?;
    // Rows that need a repair of broken Unicode, or that spell out control tokens, belong to one library alone.
    let flag = |i: usize, key: &str| vectors[i].get(key).and_then(|v| v.as_bool()).unwrap_or(false);
    let judged = |i: usize| !flag(i, "needs_ftfy") && !flag(i, "special_literal");
    for (name, pad) in [("ids_open_clip_pad0", Pad::Zero), ("ids_sd14_pad_eot", Pad::End)] {
        let rows: Vec<Vec<i32>> = texts.iter().map(|t| tokenizer.encode(t, pad)).collect::<Result<_>>()?;
        let length = rows.first().map_or(0, Vec::len);
        report.whole(name, &[rows.len(), length], rows.concat(), |i| judged(i / length.max(1)))?;
    }
    Ok(())
}
