//! The answer of an earlier tuning, on disk.

use std::path::Path;

use serde_json::{Value, json};

use crate::gpu::Gpu;
use crate::kernel::Contraction;

/// Bump when kernels change enough for old measurements to mislead.
const VERSION: u32 = 6;

/// Adapter, driver, engine and tuning version.
pub fn key(gpu: &Gpu) -> String {
    let s = gpu.summary();
    format!("{}/{}/{}/{}/{VERSION}", s.name, s.driver, s.backend, env!("CARGO_PKG_VERSION"))
}

/// The family that was chosen, if the adapter still offers it.
pub fn read(file: &Path, key: &str, candidates: &[Contraction]) -> Option<Contraction> {
    let table = table(file);
    let wanted = table.get(key)?;
    let name_of = wanted.get("family")?.as_str()?;
    let found = candidates.iter().copied().find(|c| name(*c) == name_of)?;
    Some(match found {
        Contraction::Cooperative { lanes, f32, f16, .. } => {
            let depth = wanted.get("depth")?.as_u64()?.try_into().ok()?;
            Contraction::Cooperative { lanes, f32, f16, depth }
        }
        other => other,
    })
}

pub fn write(file: &Path, key: &str, family: Contraction) -> std::io::Result<()> {
    let mut table = table(file);
    table[key] = json!({"family": name(family)});
    if let Contraction::Cooperative { depth, .. } = family {
        table[key]["depth"] = json!(depth);
    }
    if let Some(dir) = file.parent() {
        std::fs::create_dir_all(dir)?;
    }
    // Whole or not at all: another process may read it meanwhile.
    let mut temporary = tempfile::NamedTempFile::new_in(file.parent().unwrap_or(Path::new(".")))?;
    std::io::Write::write_all(&mut temporary, format!("{table:#}").as_bytes())?;
    temporary.persist(file).map_err(|e| e.error)?;
    Ok(())
}

fn name(family: Contraction) -> String {
    match family {
        Contraction::Subgroup { lanes, cols } => format!("subgroup-{lanes}-{cols}"),
        Contraction::Wide { lanes } => format!("wide-{lanes}"),
        Contraction::Tiled => "tiled".into(),
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
            Contraction::Tiled,
            Contraction::Plain,
            Contraction::Wide { lanes: 8 },
            Contraction::Subgroup { lanes: 8, cols: 2 },
            Contraction::Cooperative { lanes: 32, f32: 0, f16: 16, depth: 0 },
            Contraction::Cooperative { lanes: 32, f32: 8, f16: 16, depth: 0 },
        ];
        for family in all {
            write(&file, "adapter", family).unwrap();
            assert_eq!(read(&file, "adapter", &all), Some(family));
        }
        let from = |depth| Contraction::Cooperative { lanes: 32, f32: 0, f16: 16, depth };
        write(&file, "adapter", from(24)).unwrap();
        assert_eq!(read(&file, "adapter", &all), Some(from(24)), "the depth is an answer, not an offer");
        assert_eq!(read(&file, "adapter", &all[..4]), None, "no longer offered");
    }
}
