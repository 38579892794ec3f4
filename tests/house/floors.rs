//! A module imports only from lower floors.

use super::files::sources;

/// The floor of every module of src/.
const FLOORS: &[(&str, u32)] = &[
    ("base", 0),
    ("kernel", 1),
    ("image", 1),
    ("checkpoint", 1),
    ("text", 1),
    ("diffusion", 1),
    ("degrade", 2),
    ("ops", 2),
    ("gpu", 2),
    ("graph", 3),
    ("nn", 4),
    ("models", 5),
    ("run", 6),
    ("api", 7),
];

/// Imports that break the rule, each with its reason.
const ALLOWED: &[(&str, &str, &str)] = &[];

fn floor(module: &str) -> Option<u32> {
    FLOORS.iter().find(|(m, _)| *m == module).map(|(_, f)| *f)
}

/// The modules that a text names by `crate::x`, with the line: imports, grouped imports and paths in the code.
fn named(text: &str) -> Vec<(usize, String)> {
    // A macro's `$crate::x` is the same import.
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find("crate::") {
        let start = at + found;
        at = start + "crate::".len();
        let before = text[..start].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let line_start = text[..start].rfind('\n').map_or(0, |i| i + 1);
        if text[line_start..start].contains("//") {
            continue;
        }
        let line = text[..start].lines().count().max(1);
        let rest = &text[at..];
        let word = |s: &str| s.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        if let Some(group) = rest.strip_prefix('{') {
            // The first word of every entry of the group, whatever is nested in it.
            let (mut depth, mut entry) = (0, String::new());
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => out.push((line, word(&std::mem::take(&mut entry)))),
                    _ => {}
                }
                if depth == 0 && c != ',' {
                    entry.push(c);
                }
            }
            out.push((line, word(&entry)));
        } else {
            out.push((line, word(rest)));
        }
    }
    out.retain(|(_, m)| !m.is_empty());
    out
}

/// What is wrong with the imports of a file of src/.
fn check(name: &str, text: &str) -> Vec<String> {
    let inside = name.strip_prefix("src/").unwrap_or(name);
    // The crate root and the binaries stand above all floors.
    let Some((module, _)) = inside.split_once('/') else { return Vec::new() };
    if module == "bin" || module == "cli" {
        return Vec::new();
    }
    let Some(own) = floor(module) else { return vec![format!("{name}: the module {module} has no floor")] };
    let mut out = Vec::new();
    for (line, other) in named(text) {
        let Some(theirs) = floor(&other) else { continue };
        let allowed = ALLOWED.iter().any(|(file, module, _)| *file == name && *module == other);
        if other != module && theirs >= own && !allowed {
            out.push(format!("{name}:{line}: {module} (floor {own}) imports {other} (floor {theirs})"));
        }
    }
    out
}

#[test]
fn modules_import_lower_floors_only() {
    let files = sources("src", "rs");
    assert!(files.len() > 50, "only {} files were found", files.len());
    let wrong: Vec<String> = files.iter().flat_map(|(name, text)| check(name, text)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_bent_import_is_found() {
    assert!(check("src/nn/a.rs", "use crate::graph::Graph;\nuse crate::nn::Build;\n").is_empty());
    assert!(check("src/nn/a.rs", "// use crate::models::Network;\n").is_empty());
    for bent in [
        "use crate::models::Network;",
        "    let x = crate::run::Model::new();",
        "use crate::{base::Error, run::{self, Plan}};",
        "use crate::{\n    base::Error,\n    models,\n};",
        "pub use $crate::api::Engine;",
    ] {
        assert_eq!(check("src/nn/a.rs", bent).len(), 1, "{bent}");
    }
    assert_eq!(check("src/ops/a.rs", "use crate::gpu::Gpu;").len(), 1, "the same floor");
    assert_eq!(check("src/gpu/a.rs", "fn f(x: &crate::ops::Op) {}").len(), 1, "the same floor, by path");
    assert_eq!(check("src/cellar/a.rs", "").len(), 1, "a module without a floor");
    assert!(check("src/lib.rs", "pub use crate::api::Engine;").is_empty());
    assert!(check("src/bin/vernis.rs", "use crate::cli;").is_empty());
}
