//! Cases that run on the host alone: everything around the networks of the diffusion generalist.

mod codecs;
mod samplers;
mod tokenizer;

use super::{Checked, Verdict};
use crate::base::{DType, Error, Kind, Result};
use crate::checkpoint::{Case, Data, Element};

/// None when the case is a network.
pub fn run(case: &Case) -> Option<Result<Verdict>> {
    let kind = case.document.get("kind").and_then(|k| k.as_str()).unwrap_or_default();
    let mut report = Report { case, checked: Vec::new(), tensors: Vec::new() };
    let ran = match (case.family.as_str(), kind) {
        ("diffusion-sampler", _) => samplers::run(&mut report),
        ("diffusion-codec", kind) => codecs::run(&mut report, kind),
        ("clip-text", "tokenizer") => tokenizer::run(&mut report),
        _ => return None,
    };
    Some(ran.map(|()| Verdict {
        case: case.name.clone(),
        precision: DType::F32,
        tolerance: case.tolerance_f64.unwrap_or(case.tolerance_f32),
        checked: report.checked,
        tensors: report.tensors,
    }))
}

/// Collects what a case computes: compared where the case holds the expected values, kept where it asks for them.
struct Report<'a> {
    case: &'a Case,
    checked: Vec<Checked>,
    tensors: Vec<(String, Vec<usize>, Data)>,
}

impl Report<'_> {
    /// The error for a case that lacks something.
    fn lacks(&self, what: &str) -> Error {
        Error::new(Kind::Checkpoint, format!("the case {}", self.case.name)).why(format!("{what} is missing"))
    }

    fn shape(&self, name: &str) -> Result<&[usize]> {
        self.case.io.shape(name).ok_or_else(|| self.lacks(&format!("the tensor '{name}'")))
    }

    /// A number of the case's configuration.
    fn number(&self, key: &str) -> Result<f64> {
        let value = self.case.config.get(key).and_then(|v| v.as_f64());
        value.ok_or_else(|| self.lacks(&format!("the number '{key}' in config")))
    }

    fn count(&self, key: &str) -> Result<u32> {
        let value = self.case.config.get(key).and_then(|v| v.as_u64()).and_then(|v| u32::try_from(v).ok());
        value.ok_or_else(|| self.lacks(&format!("the count '{key}' in config")))
    }

    /// Integers of the case, as all codecs take them.
    fn ints(&self, name: &str) -> Result<Vec<i32>> {
        let narrow = |v: i64| i32::try_from(v).map_err(|_| self.lacks(&format!("an i32 in place of {v} in '{name}'")));
        self.case.io.i64(name)?.into_iter().map(narrow).collect()
    }

    /// A picture of the case, whatever numbers hold it.
    fn picture(&self, name: &str) -> Result<Vec<f32>> {
        match self.case.io.dtype(name) {
            Some(element) if !element.is_float() => Ok(self.ints(name)?.into_iter().map(|v| v as f32).collect()),
            _ => self.case.io.f32(name),
        }
    }

    /// An output of real numbers. Those stored as f32 are compared after the same rounding.
    fn reals(&mut self, name: &str, shape: &[usize], values: Vec<f64>) -> Result<()> {
        let wide = match self.case.io.dtype(name) {
            Some(element) => element == Element::F64,
            None => name.ends_with(".f64"),
        };
        let values = if wide { values } else { values.into_iter().map(|v| f64::from(v as f32)).collect() };
        if let Some(stored) = self.case.io.shape(name) {
            let distance = if stored == shape { rel_l2(&values, &self.case.io.f64(name)?) } else { f64::INFINITY };
            self.check(name, distance);
        }
        let data = if wide { Data::F64(values) } else { Data::F32(values.into_iter().map(|v| v as f32).collect()) };
        self.keep(name, shape, data);
        Ok(())
    }

    /// An output of integers, which must be equal wherever `judged` says so: one that is not is infinitely far.
    fn whole(&mut self, name: &str, shape: &[usize], values: Vec<i32>, judged: impl Fn(usize) -> bool) -> Result<()> {
        if let Some(stored) = self.case.io.shape(name) {
            let same = stored == shape
                && self.ints(name)?.iter().zip(&values).enumerate().all(|(i, (a, b))| a == b || !judged(i));
            self.check(name, if same { 0.0 } else { f64::INFINITY });
        }
        self.keep(name, shape, Data::I32(values));
        Ok(())
    }

    fn check(&mut self, name: &str, rel_l2: f64) {
        let decides = self.wanted(name);
        self.checked.push(Checked { name: name.into(), rel_l2, decides });
    }

    fn keep(&mut self, name: &str, shape: &[usize], data: Data) {
        if self.wanted(name) {
            self.tensors.push((name.into(), shape.to_vec(), data));
        }
    }

    /// Whether the case names it an output; `rgb.<C>` names `rgb.150` too.
    fn wanted(&self, name: &str) -> bool {
        let fits = |pattern: &str| match pattern.split_once('<') {
            Some((start, rest)) => {
                let end = rest.split_once('>').map_or("", |(_, end)| end);
                name.strip_prefix(start).is_some_and(|rest| rest.ends_with(end))
            }
            None => pattern == name,
        };
        self.case.outputs().into_iter().any(fits)
    }
}

fn rel_l2(ours: &[f64], expected: &[f64]) -> f64 {
    let difference: f64 = ours.iter().zip(expected).map(|(a, b)| (a - b).powi(2)).sum();
    let norm: f64 = expected.iter().map(|b| b * b).sum();
    (difference / norm.max(f64::MIN_POSITIVE)).sqrt()
}
