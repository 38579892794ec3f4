//! Reads a configuration: every key must be known, every value of its type.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::base::{Error, Kind, Result};

/// A JSON object whose keys are taken one by one; what is left at the end is unknown.
pub struct Settings<'a> {
    family: &'static str,
    value: &'a Value,
    known: BTreeSet<&'static str>,
}

/// A number without a fraction, however it is written, no larger than any width or count of a network.
fn whole(v: &Value) -> Option<u32> {
    v.as_f64().filter(|n| n.fract() == 0.0 && (0.0..=f64::from(1 << 20)).contains(n)).map(|n| n as u32)
}

impl<'a> Settings<'a> {
    pub fn new(family: &'static str, value: &'a Value) -> Result<Self> {
        if !value.is_object() {
            return Err(Error::new(Kind::Checkpoint, format!("the configuration of {family} is no JSON object")));
        }
        Ok(Settings { family, value, known: BTreeSet::new() })
    }

    fn bad(&self, key: &str, expected: &str, got: &Value) -> Error {
        Error::new(Kind::Checkpoint, format!("the configuration key {key} of {} is wrong", self.family))
            .why(format!("expected {expected}, got {got}"))
    }

    pub fn get(&mut self, key: &'static str) -> Option<&'a Value> {
        self.known.insert(key);
        self.value.get(key).filter(|v| !v.is_null())
    }

    pub fn u32(&mut self, key: &'static str, default: u32) -> Result<u32> {
        match self.get(key) {
            None => Ok(default),
            Some(v) => whole(v).ok_or_else(|| self.bad(key, "a whole number", v)),
        }
    }

    pub fn f64(&mut self, key: &'static str, default: f64) -> Result<f64> {
        match self.get(key) {
            None => Ok(default),
            Some(v) => v.as_f64().ok_or_else(|| self.bad(key, "a number", v)),
        }
    }

    pub fn bool(&mut self, key: &'static str, default: bool) -> Result<bool> {
        match self.get(key) {
            None => Ok(default),
            Some(v) => v.as_bool().ok_or_else(|| self.bad(key, "true or false", v)),
        }
    }

    pub fn text(&mut self, key: &'static str, default: &str) -> Result<String> {
        match self.get(key) {
            None => Ok(default.to_owned()),
            Some(v) => v.as_str().map(str::to_owned).ok_or_else(|| self.bad(key, "a text", v)),
        }
    }

    /// A list of numbers.
    pub fn list(&mut self, key: &'static str, default: &[u32]) -> Result<Vec<u32>> {
        let Some(v) = self.get(key) else { return Ok(default.to_vec()) };
        let numbers = v.as_array().and_then(|a| a.iter().map(whole).collect::<Option<Vec<u32>>>());
        numbers.ok_or_else(|| self.bad(key, "a list of numbers", v))
    }

    /// A list of exactly `N` numbers.
    pub fn numbers<const N: usize>(&mut self, key: &'static str, default: [u32; N]) -> Result<[u32; N]> {
        let list = self.list(key, &default)?;
        list.try_into().map_err(|l: Vec<u32>| self.bad(key, &format!("{N} numbers"), &Value::from(l)))
    }

    /// A list of exactly `N` real numbers.
    pub fn reals<const N: usize>(&mut self, key: &'static str, default: [f64; N]) -> Result<[f64; N]> {
        let Some(v) = self.get(key) else { return Ok(default) };
        let list = v.as_array().and_then(|a| a.iter().map(Value::as_f64).collect::<Option<Vec<f64>>>());
        let list = list.and_then(|l| <[f64; N]>::try_from(l).ok());
        list.ok_or_else(|| self.bad(key, &format!("{N} numbers"), v))
    }

    /// Refuses a setting the engine does not implement.
    pub fn only(&mut self, key: &'static str, allowed: &Value) -> Result<()> {
        match self.get(key) {
            Some(v) if v != allowed => Err(self.bad(key, &format!("{allowed} (nothing else is supported)"), v)),
            _ => Ok(()),
        }
    }

    /// Fails if keys are left that nobody asked for.
    pub fn finish(self) -> Result<()> {
        let Some(object) = self.value.as_object() else { return Ok(()) };
        let unknown: Vec<&str> = object.keys().map(String::as_str).filter(|k| !self.known.contains(k)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        Err(Error::new(Kind::Checkpoint, format!("the configuration of {} has unknown keys", self.family))
            .why(unknown.join(", "))
            .advice(format!("known keys: {}", self.known.into_iter().collect::<Vec<_>>().join(", "))))
    }
}
