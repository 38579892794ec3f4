//! A report as text: Markdown for people, JSON, JSON lines and CSV for programs.

use serde_json::{Value, json};

use super::report::{Group, Report, Row};
use crate::base::{Error, Kind, Result};

/// Text formats of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Markdown,
    Json,
    JsonLines,
    Csv,
}

pub fn render(report: &Report, format: Format) -> Result<String> {
    match format {
        Format::Markdown => Ok(markdown(report)),
        Format::Json => value(report).map(|v| format!("{v:#}\n")),
        Format::JsonLines => {
            let lines = report.rows.iter().map(|r| line(report, r).map(|v| format!("{v}\n")));
            lines.collect()
        }
        Format::Csv => Ok(csv(report)),
    }
}

fn value(of: &impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(of).map_err(|e| Error::new(Kind::Other, "cannot write the report as JSON").why(e))
}

/// A row that stands alone: with the suite and the device it belongs to.
fn line(report: &Report, row: &Row) -> Result<Value> {
    let mut value = value(row)?;
    for (key, v) in context(report) {
        value[key] = v;
    }
    Ok(value)
}

fn context(report: &Report) -> [(&'static str, Value); 9] {
    let s = &report.stamp;
    [
        ("suite", json!(report.suite)),
        ("kind", json!(report.kind)),
        ("league", json!(report.league)),
        ("ranked", json!(report.ranked)),
        ("engine", json!(s.engine)),
        ("adapter", json!(s.adapter)),
        ("driver", json!(s.driver)),
        ("software", json!(s.software)),
        ("utc", json!(s.utc)),
    ]
}

/// What `--model` prints with `--json`: the row, the device, and the stamp below it.
pub fn one(report: &Report) -> Result<String> {
    let row = report.rows.first().ok_or_else(|| Error::new(Kind::Other, "nothing was timed"))?;
    let mut out = line(report, row)?;
    out["stamp"] = value(&report.stamp)?;
    out["remarks"] = json!(report.remarks);
    Ok(format!("{out:#}\n"))
}

/// Reads a report back, or the one row of `--model` with `--json`.
pub fn parse(text: &str, name: &str) -> Result<Report> {
    let read = || {
        let value: Value = serde_json::from_str(text)?;
        if value["median_ms"].is_null() {
            return serde_json::from_value(value);
        }
        let mut report = json!({"micro": null, "scores": []});
        for key in ["suite", "kind", "league", "ranked", "remarks", "stamp"] {
            report[key] = value[key].clone();
        }
        report["rows"] = json!([value]);
        serde_json::from_value(report)
    };
    read().map_err(|e: serde_json::Error| {
        Error::new(Kind::Usage, format!("{name} is no benchmark report"))
            .why(e)
            .advice("write one with `vernis bench -o json --output FILE`")
    })
}

const COLUMNS: [&str; 18] = [
    "group",
    "name",
    "width",
    "height",
    "precision",
    "gate",
    "error",
    "median_ms",
    "mad_ms",
    "p90_ms",
    "min_ms",
    "samples",
    "mp_per_s",
    "compile_ms",
    "peak_bytes",
    "dispatches",
    "flops",
    "bytes",
];

fn csv(report: &Report) -> String {
    let context = context(report);
    let names: Vec<&str> = COLUMNS.iter().copied().chain(context.iter().map(|(k, _)| *k)).collect();
    let mut out = names.join(",") + "\n";
    for r in &report.rows {
        let number = |v: Option<f64>| v.map_or(String::new(), |v| v.to_string());
        let failed = r.gate.outcome == super::gate::Outcome::Fail;
        let time = |v: f64| if failed { String::new() } else { v.to_string() };
        let mut cells = vec![
            r.group.name().into(),
            r.name.clone(),
            r.width.to_string(),
            r.height.to_string(),
            r.precision.clone(),
            r.gate.outcome.name().into(),
            number(r.gate.error),
            time(r.median_ms),
            time(r.mad_ms),
            time(r.p90_ms),
            time(r.min_ms),
            r.samples.to_string(),
            number(r.mp_per_s),
            r.compile_ms.to_string(),
            r.peak_bytes.to_string(),
            r.dispatches.to_string(),
            r.flops.to_string(),
            r.bytes.to_string(),
        ];
        cells.extend(context.iter().map(|(_, v)| v.as_str().map_or_else(|| v.to_string(), str::to_owned)));
        let quoted: Vec<String> = cells.iter().map(|c| quote(c)).collect();
        out += &(quoted.join(",") + "\n");
    }
    out
}

fn quote(cell: &str) -> String {
    if cell.contains([',', '"', '\n']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}

/// A time with its unit; `FAIL` has none.
fn with_unit(row: &Row) -> String {
    let time = row.time();
    if time == "FAIL" { time } else { format!("{time} ms") }
}

/// One line for an issue report.
pub fn summary(report: &Report) -> String {
    let s = &report.stamp;
    let rows = report.rows.iter().filter(|r| r.group == Group::Model);
    let times: Vec<String> =
        rows.map(|r| format!("{} {}x{} {} {}", r.name, r.width, r.height, r.precision, with_unit(r))).collect();
    let software = if s.software { ", software" } else { "" };
    let commit = s.commit.as_ref().map_or(String::new(), |c| format!(" ({c})"));
    format!(
        "**{}{commit}**, suite {} {}, {} [{}{software}; {}; {}]: {}{}",
        s.engine,
        report.suite,
        report.kind,
        s.adapter,
        s.backend,
        s.driver,
        s.contraction,
        times.join("; "),
        if report.ranked { String::new() } else { " (unranked)".into() },
    )
}

fn markdown(report: &Report) -> String {
    let s = &report.stamp;
    let mut out = summary(report) + "\n\n";
    let gib = |b: u64| format!("{:.1} GiB", b as f64 / f64::from(1 << 30));
    let facts = [
        Some(format!("{} {} ({})", s.os, s.cpu, s.cpus)),
        s.ram_bytes.map(gib),
        s.load.map(|l| format!("load {l:.1}")),
        s.subgroup.map(|n| format!("subgroup {n}")),
        Some(s.features.join(", ")),
        Some(s.utc.clone()),
    ];
    let facts: Vec<String> = facts.into_iter().flatten().filter(|f| !f.is_empty()).collect();
    out += &(facts.join("; ") + "\n\n");
    for remark in &report.remarks {
        out += &format!("- {remark}\n");
    }
    if !report.remarks.is_empty() {
        out.push('\n');
    }
    if let Some(m) = &report.micro {
        let or_dash = |v: Option<f64>| v.map_or("-".to_owned(), |v| format!("{v:.0}"));
        out += "| FMA f32, GFLOP/s | f16 | matrices f32 | f16 | copy kernel, GB/s | device copy | upload | download \
                | submit, us | dispatch, us | check |\n|---|---|---|---|---|---|---|---|---|---|---|\n";
        out += &format!(
            "| {:.0} | {} | {} | {} | {:.1} | {:.1} | {:.1} | {:.1} | {:.0} | {:.1} | {} |\n\n",
            m.fma_gflops,
            or_dash(m.fma_f16_gflops),
            or_dash(m.cooperative_f32_gflops),
            or_dash(m.cooperative_f16_gflops),
            m.copy_gbs,
            m.d2d_gbs,
            m.h2d_gbs,
            m.d2h_gbs,
            m.submit_us,
            m.dispatch_us,
            m.gate.outcome.name(),
        );
    }
    for (group, title) in [(Group::Kernel, "Kernels"), (Group::Model, "Networks"), (Group::File, "File to file")] {
        let rows: Vec<&Row> = report.rows.iter().filter(|r| r.group == group).collect();
        if !rows.is_empty() {
            out += &format!("### {title}\n\n");
            out += &if group == Group::Kernel { kernels(&rows) } else { networks(&rows) };
            out.push('\n');
        }
    }
    for (precision, score) in &report.scores {
        out += &format!("Score, suite {} {}, {precision}: **{score:.0}**\n", report.suite, report.league);
    }
    out
}

fn kernels(rows: &[&Row]) -> String {
    let mut out = String::from(
        "| kernel | size | storage | ms | GPU ms | GFLOP/s | GB/s | % of roof | limiter | check |\n\
         |---|---|---|---|---|---|---|---|---|---|\n",
    );
    for r in rows {
        let seconds = 1e-3 * r.gpu_ms.unwrap_or(r.median_ms);
        let share = r.kernels.first();
        out += &format!(
            "| {} | {}x{} | {} | {} | {} | {:.1} | {:.1} | {} | {} | {} |\n",
            r.name,
            r.width,
            r.height,
            r.precision,
            r.time(),
            r.gpu_ms.map_or("-".into(), |t| format!("{t:.2}")),
            r.flops as f64 / seconds * 1e-9,
            r.bytes as f64 / seconds * 1e-9,
            share.and_then(|s| s.roof).map_or("-".into(), |p| format!("{p:.0}")),
            share.map_or("", |s| s.limiter.as_str()),
            r.gate.outcome.name(),
        );
    }
    out
}

fn networks(rows: &[&Row]) -> String {
    let mut out = String::from(
        "| work | size | storage | median, ms | MAD | p90 | min | n | MP/s | % of roof | compile, ms | peak, MiB \
         | dispatches | check |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for r in rows {
        let check = r.gate.error.map_or(r.gate.outcome.name().to_owned(), |e| {
            format!("{} ({e:.0e}, {})", r.gate.outcome.name(), r.gate.reference)
        });
        let tiles = r.tiles.map(|t| format!(" ({} tiles of {}x{})", t.count, t.width, t.height)).unwrap_or_default();
        out += &format!(
            "| {} | {}x{}{tiles} | {} | {} | {:.1} | {:.1} | {:.1} | {} | {} | {} | {:.0} | {:.0} | {} | {} |\n",
            r.name,
            r.width,
            r.height,
            r.precision,
            r.time(),
            r.mad_ms,
            r.p90_ms,
            r.min_ms,
            r.samples,
            r.mp_per_s.map_or("-".into(), |s| format!("{s:.3}")),
            r.roof.map_or("-".into(), |p| format!("{p:.0}")),
            r.compile_ms,
            r.peak_bytes as f64 / f64::from(1 << 20),
            r.dispatches,
            check,
        );
    }
    for (r, s) in rows.iter().filter_map(|r| Some((r, r.sustained.as_ref()?))) {
        out += &format!(
            "\nSustained, {}: {:.1} ms in the first third, {:.1} ms in the last, {:.2} times as long.\n",
            r.label(),
            s.first_ms,
            s.last_ms,
            s.throttle
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::row;
    use super::super::stamp::tests::stamp;
    use super::*;

    fn report() -> Report {
        Report {
            suite: "v1".into(),
            kind: "quick".into(),
            league: "gpu".into(),
            ranked: false,
            remarks: vec!["quick run".into()],
            scores: Vec::new(),
            stamp: stamp("gpu, with a comma"),
            micro: None,
            rows: vec![row("a", &[0.001; 5]), row("b", &[0.1, 0.2, 0.1, 0.3, 0.1])],
        }
    }

    #[test]
    fn json_comes_back_as_it_went() {
        let report = report();
        let text = render(&report, Format::Json).expect("JSON");
        assert_eq!(parse(&text, "r.json").expect("a report"), report);
        assert!(parse("{}", "r.json").expect_err("no report").to_string().contains("r.json"));
    }

    #[test]
    fn a_line_stands_alone() {
        let text = render(&report(), Format::JsonLines).expect("JSON lines");
        let lines: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(
            (lines[0]["adapter"].as_str(), lines[0]["median_ms"].as_f64()),
            (Some("gpu, with a comma"), Some(1.0))
        );
        let text = one(&report()).expect("JSON");
        let back = parse(&text, "one.json").expect("a report of one row");
        assert_eq!((&back.rows, back.stamp.adapter.as_str()), (&report().rows[..1].to_vec(), "gpu, with a comma"));
        let one: Value = serde_json::from_str(&text).expect("JSON");
        for field in ["median_ms", "mad_ms", "p90_ms", "min_ms", "samples", "adapter", "peak_bytes", "dispatches"] {
            assert!(!one[field].is_null(), "{field}");
        }
    }

    #[test]
    fn every_line_of_csv_has_every_column() {
        let text = render(&report(), Format::Csv).expect("CSV");
        let cells = |line: &str| {
            let mut quoted = false;
            1 + line
                .chars()
                .filter(|c| {
                    quoted ^= *c == '"';
                    *c == ',' && !quoted
                })
                .count()
        };
        let counts: Vec<usize> = text.lines().map(cells).collect();
        assert_eq!(counts, [27, 27, 27], "{text}");
    }

    #[test]
    fn the_summary_is_one_line_that_says_it_is_unranked() {
        let text = summary(&report());
        assert!(
            !text.contains('\n') && text.contains("unranked") && text.contains("a 1000x1000 f32 1.00 ms"),
            "{text}"
        );
        assert!(render(&report(), Format::Markdown).expect("Markdown").contains("- quick run"));
    }
}
