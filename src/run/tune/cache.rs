//! The answer of an earlier tuning, on disk.

use std::path::Path;

use serde_json::{Value, json};

use crate::gpu::Gpu;
use crate::kernel::Contraction;

/// Bump when kernels change enough for old measurements to mislead.
const VERSION: u32 = 7;

/// Adapter, driver, engine and tuning version.
pub fn key(gpu: &Gpu) -> String {
    let s = gpu.summary();
    format!("{}/{}/{}/{}/{VERSION}", s.name, s.driver, s.backend, env!("CARGO_PKG_VERSION"))
}

/// What a tuning found out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer {
    pub family: Contraction,
    /// Packing f16 rounds toward zero.
    pub truncates: bool,
}

/// The answer of an earlier tuning, if the adapter still offers its family.
pub fn read(file: &Path, key: &str, candidates: &[Contraction]) -> Option<Answer> {
    let table = table(file);
    let wanted = table.get(key)?;
    let chosen = wanted.get("family")?.as_str()?;
    let family = match candidates.iter().copied().find(|c| name(*c) == chosen)? {
        Contraction::Cooperative { lanes, f32, f16, .. } => {
            let depth = wanted.get("depth")?.as_u64()?.try_into().ok()?;
            Contraction::Cooperative { lanes, f32, f16, depth }
        }
        other => other,
    };
    Some(Answer { family, truncates: wanted.get("truncates")?.as_bool()? })
}

pub fn write(file: &Path, key: &str, answer: &Answer) -> std::io::Result<()> {
    let mut value = json!({"family": name(answer.family), "truncates": answer.truncates});
    if let Contraction::Cooperative { depth, .. } = answer.family {
        value["depth"] = json!(depth);
    }
    put(file, key, value)
}

/// The name of a family that was being tried when the process ended, or that another process is trying now.
pub fn tried(file: &Path, key: &str) -> Option<String> {
    Some(table(file).get(key)?.get("trying")?.as_str()?.to_owned())
}

/// Notes what is being tried, or with `None` that it ended well.
pub fn write_tried(file: &Path, key: &str, family: Option<Contraction>) -> std::io::Result<()> {
    put(file, key, json!({"trying": family.map(name)}))
}

fn put(file: &Path, key: &str, value: Value) -> std::io::Result<()> {
    let mut table = table(file);
    table[key] = value;
    if let Some(dir) = file.parent() {
        std::fs::create_dir_all(dir)?;
    }
    // Whole or not at all: another process may read it meanwhile.
    let mut temporary = tempfile::NamedTempFile::new_in(file.parent().unwrap_or(Path::new(".")))?;
    std::io::Write::write_all(&mut temporary, format!("{table:#}").as_bytes())?;
    temporary.persist(file).map_err(|e| e.error)?;
    Ok(())
}

/// How a family is called in the file, whatever its depth.
pub fn name(family: Contraction) -> String {
    match family {
        Contraction::Subgroup { lanes, cols } => format!("subgroup-{lanes}-{cols}"),
        Contraction::Wide { lanes } => format!("wide-{lanes}"),
        Contraction::Tiled { rows } => format!("tiled-{rows}"),
        Contraction::Plain => "plain".into(),
        Contraction::Cooperative { lanes, f32, f16, .. } => format!("cooperative-{lanes}-{f32}-{f16}"),
    }
}

fn table(file: &Path) -> Value {
    std::fs::read(file).ok().and_then(|b| serde_json::from_slice(&b).ok()).filter(Value::is_object).unwrap_or(json!({}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_is_found_again_under_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tuning.json");
        let all = [
            Contraction::TILED,
            Contraction::Tiled { rows: 4 },
            Contraction::Plain,
            Contraction::Wide { lanes: 8 },
            Contraction::Subgroup { lanes: 8, cols: 2 },
            Contraction::Cooperative { lanes: 32, f32: 0, f16: 16, depth: 0 },
            Contraction::Cooperative { lanes: 32, f32: 8, f16: 16, depth: 0 },
        ];
        for (i, family) in all.into_iter().enumerate() {
            let answer = Answer { family, truncates: i % 2 == 0 };
            write(&file, "adapter", &answer).unwrap();
            assert_eq!(read(&file, "adapter", &all), Some(answer));
        }
        let from = |depth| Contraction::Cooperative { lanes: 32, f32: 0, f16: 16, depth };
        let answer = Answer { family: from(24), truncates: false };
        write(&file, "adapter", &answer).unwrap();
        assert_eq!(read(&file, "adapter", &all), Some(answer), "the depth is an answer, not an offer");
        assert_eq!(read(&file, "adapter", &all[..5]), None, "no longer offered");
    }

    #[test]
    fn what_was_being_tried_is_no_answer_and_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cache/tuning.json");
        let matrices = Contraction::Cooperative { lanes: 32, f32: 0, f16: 16, depth: 0 };
        assert_eq!(tried(&file, "adapter"), None);
        write_tried(&file, "adapter", Some(matrices)).unwrap();
        assert_eq!(read(&file, "adapter", &[matrices]), None);
        assert_eq!(tried(&file, "adapter"), Some(name(matrices)));
        write_tried(&file, "adapter", None).unwrap();
        assert_eq!(tried(&file, "adapter"), None, "it ended well");
        assert_eq!(read(&file, "adapter", &[matrices]), None, "and is no answer yet");
    }
}
