//! The trained reader of sentences that the word lists do not know. Words, pairs of neighbours and groups of three to
//! five letters are counted in hashed buckets; a linear layer gives every task a score (tools/train/words.py).

use std::collections::BTreeMap;

use half::f16;
use safetensors::SafeTensors;

use super::instruction::Task;
use crate::base::hash::fnv1a64;
use crate::base::{Error, Kind, Result};

const FILE: &[u8] = include_bytes!("../../weights/words.safetensors");

/// A score above which a task counts as asked for. At 0 it is as likely as not; the sentences in the tests of the word
/// lists are all refused or understood rightly from 0.3 on.
const SURE: f32 = 0.5;

/// The task that `text` asks for, where one is sure enough.
pub fn hear(text: &str) -> Result<Option<Task>> {
    let (task, score) = best(text)?;
    Ok((score > SURE).then_some(task))
}

/// The task that fits `text` best, and its score.
fn best(text: &str) -> Result<(Task, f32)> {
    let bad = |why: String| Error::new(Kind::Other, "the built-in classifier of sentences").why(why);
    let file = SafeTensors::deserialize(FILE).map_err(|e| bad(e.to_string()))?;
    let tensor = |name: &str| file.tensor(name).map_err(|e| bad(e.to_string()));
    let (weight, bias) = (tensor("weight")?, tensor("bias")?);
    let buckets = match *weight.shape() {
        [tasks, buckets] if tasks == Task::ALL.len() && bias.shape() == [tasks] && buckets > 0 => buckets,
        ref other => return Err(bad(format!("its weight is {other:?}"))),
    };
    let at = |data: &[u8], i: usize| f16::from_le_bytes([data[2 * i], data[2 * i + 1]]).to_f32();
    let counts = counts(text, buckets);
    let length = counts.values().map(|n| n * n).sum::<f32>().sqrt().max(1.0);
    let scored = Task::ALL.into_iter().enumerate().map(|(row, task)| {
        let sum: f32 = counts.iter().map(|(bucket, n)| n * at(weight.data(), row * buckets + bucket)).sum();
        (task, sum / length + at(bias.data(), row))
    });
    scored.max_by(|a, b| a.1.total_cmp(&b.1)).ok_or_else(|| bad("it has no tasks".into()))
}

/// How often each bucket is hit.
fn counts(text: &str, buckets: usize) -> BTreeMap<usize, f32> {
    let mut counts = BTreeMap::new();
    let mut count = |gram: &str| {
        let hash = fnv1a64(gram.as_bytes());
        *counts.entry(((hash ^ (hash >> 32)) % buckets as u64) as usize).or_insert(0.0) += 1.0;
    };
    let text = text.to_lowercase().replace('\u{2019}', "'");
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '\'').map(|w| w.trim_matches('\''));
    let mut left = "^";
    for word in words.filter(|w| !w.is_empty()) {
        count(&format!("{left} {word}"));
        count(word);
        let framed: Vec<char> = format!("<{word}>").chars().collect();
        for length in 3..=5 {
            framed.windows(length).for_each(|gram| count(&gram.iter().collect::<String>()));
        }
        left = word;
    }
    counts
}
