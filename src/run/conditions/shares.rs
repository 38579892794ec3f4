//! Tasks with their weights, as a user writes them.

use crate::base::{Error, Kind, Result};

/// A task with its weight.
pub type Share = (String, f32);

/// The largest weight that makes sense; beyond it adapters drown what they adapt.
const LARGEST: f32 = 16.0;

/// `derain`, or a blend such as `derain=0.7,denoise=0.3`. What the names mean is the model's affair.
pub fn parse(text: &str) -> Result<Vec<Share>> {
    let bad = |what: String| Error::new(Kind::Usage, what);
    let mut out: Vec<Share> = Vec::new();
    for entry in text.split(',').map(str::trim) {
        let (name, value) = match entry.split_once('=') {
            Some((name, value)) => (name.trim(), value.trim()),
            None => (entry, "1"),
        };
        if name.is_empty() {
            return Err(bad(format!("'{text}' names no task")).advice("write NAME or NAME=WEIGHT,NAME=WEIGHT"));
        }
        let weight: f32 =
            value.parse().ok().filter(|w: &f32| w.is_finite() && w.abs() <= LARGEST).ok_or_else(|| {
                bad(format!("'{value}' is no weight for the task {name}"))
                    .why(format!("a weight is a number from -{LARGEST} to {LARGEST}"))
                    .advice("write a number such as 0.7")
            })?;
        if out.iter().any(|(other, _)| other == name) {
            return Err(bad(format!("the task {name} is given twice")));
        }
        out.push((name.to_owned(), weight));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_task_or_a_blend() {
        assert_eq!(parse("derain").unwrap(), [("derain".to_owned(), 1.0)]);
        let blend = parse("derain=0.7, class 3 = 0.3").unwrap();
        assert_eq!(blend, [("derain".to_owned(), 0.7), ("class 3".to_owned(), 0.3)]);
    }

    #[test]
    fn what_is_no_blend_is_refused() {
        for (text, part) in [
            ("derain=x", "no weight"),
            ("derain=1e9", "no weight"),
            ("derain=NaN", "no weight"),
            ("derain,derain=1", "twice"),
            ("", "no task"),
            ("derain,", "no task"),
        ] {
            let e = parse(text).unwrap_err();
            assert_eq!(e.kind(), Kind::Usage);
            assert!(e.to_string().contains(part), "{text}: {e}");
        }
    }
}
