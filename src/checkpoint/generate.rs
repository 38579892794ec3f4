//! Weights from a rule instead of a file: what conformance cases use, so that nets of any size need no storage.
//!
//! `value_i = f32(lo + (hi - lo) * u_i)`, `u_i = (x_i >> 40) * 2^-24`, `x_i` the splitmix64 sequence whose state starts
//! at `fnv1a64(name) ^ seed`. The sequence has random access, so any range of any tensor is made on its own.

use serde_json::Value;

use super::element::Element;
use crate::base::hash::fnv1a64;
use crate::base::{Error, Kind, Result};

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// One tensor holds at most this many elements: past it a case file is a mistake or an attack.
const MAX_ELEMENTS: u64 = 1 << 31;

/// Where the sequence of a tensor starts.
pub fn start_state(name: &str, seed: u64) -> u64 {
    fnv1a64(name.as_bytes()) ^ seed
}

/// The state of the sequence `count` values later.
pub fn advance(state: u64, count: u64) -> u64 {
    state.wrapping_add(count.wrapping_mul(GOLDEN))
}

/// Fills `out` with the values from index `first` on.
pub fn fill_uniform(state: u64, first: u64, lo: f64, hi: f64, out: &mut [f32]) {
    let span = hi - lo;
    let mut s = advance(state, first);
    for v in out {
        s = s.wrapping_add(GOLDEN);
        let mut z = s;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        // 24 bits fit an i32, whose conversion to f64 is one instruction.
        let u = f64::from((z >> 40) as i32) * (1.0 / 16_777_216.0);
        *v = (lo + span * u) as f32;
    }
}

/// How the values of one tensor come about.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// f32 values, uniform in `[lo, hi)`.
    Uniform { lo: f64, hi: f64 },
    /// Values written out in the case, or one value for the whole tensor; little-endian bytes.
    Listed { element: Element, bytes: Vec<u8>, repeated: bool },
}

#[derive(Debug, Clone, PartialEq)]
pub struct GeneratedTensor {
    pub name: String,
    pub shape: Vec<usize>,
    pub rule: Rule,
}

/// The `weights` entry of a case: a seed and the tensors it stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct GeneratedWeights {
    pub seed: u64,
    pub tensors: Vec<GeneratedTensor>,
}

impl GeneratedWeights {
    /// Reads `{"seed": ..., "tensors": [{"name", "shape", "lo", "hi" | "value" | "values", "dtype"?}, ...]}`.
    pub fn from_json(json: &Value) -> Result<Self> {
        let bad = |why: String| Error::new(Kind::Checkpoint, "generated weights").why(why);
        let seed = match json.get("seed") {
            Some(s) => s.as_u64().or_else(|| s.as_i64().map(|v| v as u64)),
            None => None,
        };
        let seed = seed.ok_or_else(|| bad("'seed' is missing or no 64-bit integer".into()))?;
        let list = json.get("tensors").and_then(Value::as_array).ok_or_else(|| bad("'tensors' is no list".into()))?;
        let mut tensors = Vec::with_capacity(list.len());
        for (i, entry) in list.iter().enumerate() {
            let name = entry.get("name").and_then(Value::as_str);
            let name = name.ok_or_else(|| bad(format!("tensor {i} has no name")))?;
            tensors.push(tensor_from_json(name, entry).map_err(|why| bad(format!("tensor '{name}': {why}")))?);
        }
        let mut names: Vec<&str> = tensors.iter().map(|t| t.name.as_str()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|p| p[0] == p[1]) {
            return Err(bad(format!("tensor '{}' is listed twice", pair[0])));
        }
        Ok(GeneratedWeights { seed, tensors })
    }
}

fn tensor_from_json(name: &str, entry: &Value) -> Result<GeneratedTensor, String> {
    let dims = entry.get("shape").and_then(Value::as_array).ok_or("'shape' is no list")?;
    let mut shape = Vec::with_capacity(dims.len());
    let mut elements = 1u64;
    for d in dims {
        let d = d.as_u64().ok_or("a dimension is no whole number")?;
        elements = elements.checked_mul(d).filter(|n| *n <= MAX_ELEMENTS).ok_or("the shape is too large")?;
        shape.push(usize::try_from(d).map_err(|_| "the shape is too large")?);
    }
    let number = |key: &str| entry.get(key).and_then(Value::as_f64);
    let rule = if entry.get("lo").is_some() {
        let (lo, hi) = number("lo").zip(number("hi")).ok_or("'lo' and 'hi' must both be numbers")?;
        Rule::Uniform { lo, hi }
    } else {
        // What names no integer type is f32, as the reference script reads it.
        let element = match entry.get("dtype").and_then(Value::as_str).unwrap_or("I64") {
            "I64" => Element::I64,
            "I32" => Element::I32,
            "U8" => Element::U8,
            "BOOL" => Element::Bool,
            _ => Element::F32,
        };
        let (values, repeated) = match (entry.get("values").and_then(Value::as_array), entry.get("value")) {
            (Some(list), _) => (list.as_slice(), false),
            (None, Some(one)) => (std::slice::from_ref(one), true),
            (None, None) => return Err("neither 'lo' and 'hi' nor 'value' nor 'values'".into()),
        };
        if repeated && elements > 1 << 26 {
            return Err("one value for too large a shape".into());
        }
        if !repeated && values.len() as u64 != elements {
            return Err(format!("{} values for {elements} elements", values.len()));
        }
        let mut bytes = Vec::with_capacity(values.len() * element.size());
        for v in values {
            push_number(v, element, &mut bytes).ok_or_else(|| format!("{v} is no {}", element.name()))?;
        }
        Rule::Listed { element, bytes, repeated }
    };
    Ok(GeneratedTensor { name: name.to_string(), shape, rule })
}

fn push_number(v: &Value, element: Element, out: &mut Vec<u8>) -> Option<()> {
    let whole = || v.as_i64().or_else(|| v.as_bool().map(i64::from));
    match element {
        Element::I64 => out.extend(whole()?.to_le_bytes()),
        Element::I32 => out.extend(i32::try_from(whole()?).ok()?.to_le_bytes()),
        Element::U8 | Element::Bool => out.push(u8::try_from(whole()?).ok()?),
        _ => out.extend((v.as_f64()? as f32).to_le_bytes()),
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_row_of_the_selftest() {
        let text = include_str!("../../tests/golden/weights_selftest.json");
        let doc: Value = serde_json::from_str(text).unwrap();
        let rows = doc["rows"].as_array().unwrap();
        assert!(rows.len() >= 16);
        for row in rows {
            let name = row["name"].as_str().unwrap();
            let seed = row["seed"].as_u64().unwrap();
            let hash = u64::from_str_radix(row["fnv1a64"].as_str().unwrap().trim_start_matches("0x"), 16).unwrap();
            assert_eq!(fnv1a64(name.as_bytes()), hash, "{row}");
            let mut value = [0.0];
            let (lo, hi) = (row["lo"].as_f64().unwrap(), row["hi"].as_f64().unwrap());
            fill_uniform(start_state(name, seed), row["index"].as_u64().unwrap(), lo, hi, &mut value);
            assert_eq!(value[0], row["value"].as_f64().unwrap() as f32, "{row}");
        }
    }

    #[test]
    fn a_range_equals_the_same_part_of_the_whole() {
        let state = start_state("a.weight", 9);
        let (mut whole, mut part) = ([0.0; 100], [0.0; 30]);
        fill_uniform(state, 0, -1.0, 1.0, &mut whole);
        fill_uniform(state, 41, -1.0, 1.0, &mut part);
        assert_eq!(whole[41..71], part);
    }

    #[test]
    fn listed_values_have_their_type() {
        let w = GeneratedWeights::from_json(&json!({"seed": -1, "tensors": [
            {"name": "a", "shape": [2], "values": [3, -4]},
            {"name": "b", "shape": [2], "dtype": "F32", "values": [0.5, 1]},
            {"name": "c", "shape": [1000, 1000], "value": 0}]}))
        .unwrap();
        assert_eq!(w.seed, u64::MAX);
        assert!(matches!(&w.tensors[0].rule, Rule::Listed { element: Element::I64, bytes, .. } if bytes.len() == 16));
        assert!(matches!(&w.tensors[1].rule, Rule::Listed { element: Element::F32, bytes, .. }
            if bytes[..4] == 0.5f32.to_le_bytes()));
        assert!(matches!(&w.tensors[2].rule, Rule::Listed { repeated: true, bytes, .. } if bytes.len() == 8));
    }

    #[test]
    fn mistakes_are_named() {
        let say = |tensor: Value| {
            GeneratedWeights::from_json(&json!({"seed": 1, "tensors": [tensor]})).unwrap_err().to_string()
        };
        assert!(say(json!({"name": "w", "shape": [2], "values": [1]})).contains("'w': 1 values for 2 elements"));
        assert!(say(json!({"name": "w", "shape": [2], "lo": 1})).contains("'lo' and 'hi'"));
        assert!(say(json!({"name": "w", "shape": [4294967296u64, 4294967296u64], "lo": 0, "hi": 1})).contains("large"));
        assert!(say(json!({"name": "w", "shape": [-1], "lo": 0, "hi": 1})).contains("dimension"));
        assert!(say(json!({"name": "w", "shape": [1], "values": [1.5]})).contains("1.5 is no I64"));
        assert!(say(json!({"name": "w", "shape": [1u64 << 30], "value": 1})).contains("one value"));
        assert!(GeneratedWeights::from_json(&json!({"tensors": []})).is_err());
        let twice = json!({"name": "w", "shape": [1], "lo": 0, "hi": 1});
        let two = json!({"seed": 1, "tensors": [twice, twice]});
        assert!(GeneratedWeights::from_json(&two).unwrap_err().to_string().contains("twice"));
    }
}
