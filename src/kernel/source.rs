//! Assembles a WGSL module from shaders/: imports, conditions, unrolled repeats and defines.
//!
//! The build script includes this file too, so it uses nothing but std.
//!
//! Directives, each on a line of its own:
//! - `#import group/file` inserts a file of shaders/ (once);
//! - `#if NAME == value`, `#if NAME != value`, `#else`, `#endif`;
//! - `#repeat I FROM TO` ... `#end` repeats its lines for I in FROM..TO (expressions allowed);
//! - `#let NAME expression` defines a number for the lines after it;
//! - `#params` declares the parameters `p: Params`, in immediates or in a uniform window;
//! - `//! axis NAME v1 v2 ...` in the head of a kernel lists the values that the build validates, all combinations but
//!   those named by a line `//! skip NAME v NAME v ...`.
//!
//! `$NAME` and `$(expression)` are replaced by a define, a repeat counter or integer arithmetic over them.

use std::collections::BTreeMap;

/// Values of the axes of a kernel, by name.
pub type Defines = BTreeMap<String, String>;

/// The define that selects where parameters live.
pub const IMMEDIATES: &str = "IMMEDIATES";

/// Whether the device's own packing of f16 rounds toward zero.
pub const TRUNCATES: &str = "TRUNCATES";

/// Reads the axes a kernel declares in its head.
pub fn axes(source: &str) -> Vec<(String, Vec<String>)> {
    source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("//! axis "))
        .filter_map(|rest| {
            let mut words = rest.split_whitespace().map(str::to_owned);
            Some((words.next()?, words.collect()))
        })
        .collect()
}

/// Every combination of the declared axis values.
pub fn variants(source: &str) -> Vec<Defines> {
    let mut out = vec![Defines::new()];
    for (name, values) in axes(source) {
        out = out
            .iter()
            .flat_map(|base| {
                values.iter().map(|v| {
                    let mut next = base.clone();
                    next.insert(name.clone(), v.clone());
                    next
                })
            })
            .collect();
    }
    let skips: Vec<Vec<&str>> = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("//! skip "))
        .map(|rest| rest.split_whitespace().collect())
        .collect();
    out.retain(|v| !skips.iter().any(|s| s.chunks_exact(2).all(|p| v.get(p[0]).is_some_and(|x| x == p[1]))));
    out
}

/// Expands `entry` to plain WGSL. `file` gives the text of a path such as `shared/dtype`.
pub fn assemble<'a>(entry: &str, defines: &Defines, file: &dyn Fn(&str) -> Option<&'a str>) -> Result<String, String> {
    let mut state = State { defines: defines.clone(), imported: Vec::new(), file };
    let mut out = String::new();
    state.import(entry, &mut out)?;
    Ok(out)
}

struct State<'f, 'a> {
    defines: Defines,
    imported: Vec<String>,
    file: &'f dyn Fn(&str) -> Option<&'a str>,
}

impl State<'_, '_> {
    fn import(&mut self, path: &str, out: &mut String) -> Result<(), String> {
        if self.imported.iter().any(|p| p == path) {
            return Ok(());
        }
        self.imported.push(path.to_owned());
        let text = (self.file)(path).ok_or_else(|| format!("no shader file `{path}`"))?;
        let lines: Vec<&str> = text.lines().collect();
        self.lines(&lines, out).map_err(|e| format!("{path}: {e}"))
    }

    fn lines(&mut self, lines: &[&str], out: &mut String) -> Result<(), String> {
        let mut i = 0;
        while i < lines.len() {
            let line = lines[i].trim();
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.first().copied() {
                Some("#import") => {
                    let path = words.get(1).ok_or("#import needs a path")?;
                    self.import(path, out)?;
                }
                Some("#params") => out.push_str(if self.defines.get(IMMEDIATES).is_some_and(|v| v == "1") {
                    "var<immediate> p: Params;\n"
                } else {
                    "@group(0) @binding(0) var<uniform> p: Params;\n"
                }),
                Some("#if") => {
                    let (end, middle) = block(lines, i, "#if", "#endif")?;
                    let taken = if self.condition(&words[1..])? {
                        i + 1..middle.unwrap_or(end)
                    } else {
                        middle.map_or(end..end, |m| m + 1..end)
                    };
                    self.lines(&lines[taken], out)?;
                    i = end;
                }
                Some("#let") => {
                    let [_, name, value] = words[..] else { return Err(format!("bad definition `{line}`")) };
                    let value = self.evaluate(value)?.to_string();
                    self.defines.insert(name.to_owned(), value);
                }
                Some("#repeat") => {
                    let (end, _) = block(lines, i, "#repeat", "#end")?;
                    let [_, name, from, to] = words[..] else { return Err(format!("bad repeat `{line}`")) };
                    let (from, to) = (self.evaluate(from)?, self.evaluate(to)?);
                    let outer = self.defines.get(name).cloned();
                    for k in from..to {
                        self.defines.insert(name.to_owned(), k.to_string());
                        self.lines(&lines[i + 1..end], out)?;
                    }
                    match outer {
                        Some(v) => self.defines.insert(name.to_owned(), v),
                        None => self.defines.remove(name),
                    };
                    i = end;
                }
                Some(word) if word.starts_with('#') => return Err(format!("unknown directive `{line}`")),
                _ => {
                    self.substitute(lines[i], out)?;
                    out.push('\n');
                }
            }
            i += 1;
        }
        Ok(())
    }

    fn condition(&self, words: &[&str]) -> Result<bool, String> {
        let value = |w: &str| self.defines.get(w).map_or(w, String::as_str).to_owned();
        match words {
            [a, "==", b] => Ok(value(a) == value(b)),
            [a, "!=", b] => Ok(value(a) != value(b)),
            _ => Err(format!("bad condition `{}`", words.join(" "))),
        }
    }

    fn substitute(&self, line: &str, out: &mut String) -> Result<(), String> {
        let mut rest = line;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(inner) = rest.strip_prefix('(') {
                let close = inner.find(')').ok_or_else(|| format!("no closing bracket in `{line}`"))?;
                out.push_str(&self.evaluate(&inner[..close])?.to_string());
                rest = &inner[close + 1..];
            } else {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
                let name = &rest[..end];
                out.push_str(self.defines.get(name).ok_or_else(|| format!("`{name}` is not defined"))?);
                rest = &rest[end..];
            }
        }
        out.push_str(rest);
        Ok(())
    }

    /// Integer arithmetic with + - * / %, left to right inside the two usual precedences.
    fn evaluate(&self, text: &str) -> Result<i64, String> {
        let mut sum = 0;
        let mut term: Option<i64> = None;
        let mut sign = 1;
        let mut op = '+';
        let spaced: String =
            text.chars().flat_map(|c| if "+-*/%".contains(c) { vec![' ', c, ' '] } else { vec![c] }).collect();
        for word in spaced.split_whitespace() {
            if let (1, Some(c)) = (word.len(), word.chars().next().filter(|c| "+-*/%".contains(*c))) {
                if c == '+' || c == '-' {
                    sum += sign * term.take().ok_or_else(|| format!("bad expression `{text}`"))?;
                    sign = if c == '-' { -1 } else { 1 };
                }
                op = c;
                continue;
            }
            let name = word.trim_start_matches('$');
            let digits = self.defines.get(name).map_or(name, String::as_str);
            let v: i64 = digits.parse().map_err(|_| format!("`{word}` in `{text}` is no number"))?;
            term = Some(match (term, op) {
                (Some(t), '*') => t * v,
                (Some(t), '/') => t / v,
                (Some(t), '%') => t % v,
                (None, _) => v,
                _ => return Err(format!("bad expression `{text}`")),
            });
        }
        Ok(sum + sign * term.ok_or_else(|| format!("empty expression in `{text}`"))?)
    }
}

/// The end of the block opened at `start`, and its `#else` if it has one.
fn block(lines: &[&str], start: usize, open: &str, close: &str) -> Result<(usize, Option<usize>), String> {
    let mut depth = 0;
    let mut middle = None;
    for (i, line) in lines.iter().enumerate().skip(start) {
        match line.split_whitespace().next() {
            Some(w) if w == open => depth += 1,
            Some("#else") if depth == 1 && open == "#if" => middle = Some(i),
            Some(w) if w == close => {
                depth -= 1;
                if depth == 0 {
                    return Ok((i, middle));
                }
            }
            _ => {}
        }
    }
    Err(format!("`{}` is never closed", lines[start].trim()))
}
