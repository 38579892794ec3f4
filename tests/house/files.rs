//! File sizes, and nothing left unfinished.

use std::path::{Path, PathBuf};

/// The root of the package.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below `folder` that end in `.ext`, with their text, by their path from the root.
pub fn sources(folder: &str, ext: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut open: Vec<PathBuf> = vec![root().join(folder)];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).expect("a readable folder");
            open.extend(entries.map(|e| e.expect("a readable entry").path()));
        } else if path.extension().is_some_and(|e| e == ext) {
            let name = path.strip_prefix(root()).expect("below the root").to_string_lossy().replace('\\', "/");
            out.push((name, std::fs::read_to_string(&path).expect("a text file")));
        }
    }
    out.sort();
    out
}

/// Past this a file has two ideas.
const HARD: usize = 500;

fn too_long(name: &str, text: &str) -> Option<String> {
    let lines = text.lines().count();
    (lines > HARD).then(|| format!("{name} has {lines} lines, more than {HARD}: it has two ideas"))
}

/// The first mark of unfinished work. The words are put together here so that this file does not find itself.
fn unfinished(name: &str, text: &str) -> Option<String> {
    let marks = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["XX", "X"].concat()];
    let macros = [["todo", "!("].concat(), ["unimplemented", "!("].concat()];
    text.lines().enumerate().find_map(|(i, line)| {
        let word = |m: &String| line.split(|c: char| !c.is_ascii_alphanumeric()).any(|w| w == m);
        let found = marks.iter().find(|m| word(m)).or_else(|| macros.iter().find(|m| line.contains(m.as_str())));
        found.map(|m| format!("{name}:{}: {m}", i + 1))
    })
}

#[test]
fn files_have_one_idea_and_are_finished() {
    let folders = [("src", "rs"), ("shaders", "wgsl"), ("tests", "rs"), ("benches", "rs"), ("tools", "py")];
    let mut count = 0;
    let mut wrong = Vec::new();
    for (folder, ext) in folders {
        if !root().join(folder).exists() {
            continue;
        }
        for (name, text) in sources(folder, ext) {
            count += 1;
            wrong.extend(too_long(&name, &text));
            wrong.extend(unfinished(&name, &text));
        }
    }
    assert!(count > 100, "only {count} files were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_long_or_unfinished_file_is_found() {
    assert_eq!(too_long("a.rs", &"line\n".repeat(500)), None);
    assert!(too_long("a.rs", &"line\n".repeat(501)).is_some());
    assert_eq!(unfinished("a.rs", "let method = 1;\n// mastodon\n"), None);
    for bent in [["// TO", "DO later"], ["    todo", "!()"], ["unimplemented", "!(\"x\")"], ["# FIX", "ME"]] {
        let text = format!("fine\n{}\n", bent.concat());
        assert!(unfinished("a.rs", &text).is_some_and(|w| w.starts_with("a.rs:2")), "{text}");
    }
}
