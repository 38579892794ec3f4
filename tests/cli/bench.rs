//! `vernis bench` on the smallest work there is.

use crate::distances::HALVES;
use crate::run::{Scratch, vernis};

const ONE: [&str; 7] = ["bench", "--model", "nafnet-denoise", "--size", "32x16", "--samples", "3"];

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("JSON on stdout")
}

#[test]
fn one_network_as_json() {
    let outcome = vernis(&[&ONE[..], &["--json"]].concat());
    outcome.succeeds();
    let row = json(&outcome.out);
    assert_eq!((row["gate"]["outcome"].as_str(), row["samples"].as_u64()), (Some("pass"), Some(3)), "{row}");
    for field in ["median_ms", "mad_ms", "p90_ms", "min_ms", "compile_ms", "upload_ms", "readback_ms"] {
        assert!(row[field].as_f64().is_some_and(|v| v >= 0.0), "{field}: {row}");
    }
    assert!(row["median_ms"].as_f64() > Some(0.0));
    assert!(row["peak_bytes"].as_u64() > Some(0) && row["dispatches"].as_u64() > Some(10), "{row}");
    assert!(row["adapter"].is_string() && row["stamp"]["utc"].is_string(), "{row}");
}

#[test]
fn a_picture_too_large_for_a_binding_is_timed_by_its_tiles() {
    let outcome = vernis(&["bench", "--model", "nafnet-denoise", "--size", "32768x32", "--samples", "1", "--json"]);
    outcome.succeeds();
    let row = json(&outcome.out);
    assert_eq!((row["width"].as_u64(), row["height"].as_u64()), (Some(32768), Some(32)), "{row}");
    assert_eq!(row["gate"]["outcome"], "pass", "{row}");
    // A GPU may take it whole; software adapters bind 128 MiB.
    if row["stamp"]["software"] == true {
        assert_eq!((row["tiles"]["width"].as_u64(), row["tiles"]["height"].as_u64()), (Some(512), Some(32)), "{row}");
        assert!(row["tiles"]["count"].as_u64() >= Some(64), "{row}");
    }
}

#[test]
fn one_kernel_as_json() {
    let outcome = vernis(&["bench", "--kernel", "matmul-1024", "--samples", "1", "--json"]);
    outcome.succeeds();
    let row = json(&outcome.out);
    assert_eq!((row["name"].as_str(), row["gate"]["outcome"].as_str()), (Some("matmul-1024"), Some("pass")), "{row}");
    vernis(&["bench", "--kernel", "matmul"]).fails_with(2, &["matmul", "conv3x3-48"]);
}

#[test]
fn every_format_and_pictures() {
    let s = Scratch::new();
    for (format, word) in [("md", "| nafnet-denoise | 32x16 |"), ("csv", "median_ms,"), ("jsonl", "\"median_ms\"")] {
        let outcome = vernis(&[&ONE[..], &["-o", format, "--no-check"]].concat());
        outcome.succeeds();
        assert!(outcome.out.contains(word) && outcome.out.contains("unchecked"), "{}", outcome.out);
    }
    let (report, svg) = (s.text("r.json"), s.text("svg"));
    let outcome = vernis(&[&ONE[..], &["-o", "json", "--output", &report, "--svg", &svg]].concat());
    outcome.succeeds();
    assert!(outcome.out.lines().count() == 1 && outcome.out.contains("unranked"), "{}", outcome.out);
    let drawn = crate::run::list(&s.path("svg"));
    assert_eq!(drawn, ["bars-nafnet-denoise-32x16-f32.svg", "roofline.svg"]);

    // A report compared with itself has changed nowhere; made slower by hand it fails.
    vernis(&["bench", "--compare", &report, &report, "--fail-if", "1"]).succeeds();
    let mut slow = json(&std::fs::read_to_string(&report).expect("written"));
    let row = &mut slow["rows"][0];
    row["median_ms"] = (2.0 * row["median_ms"].as_f64().expect("a time")).into();
    let raw: Vec<f64> = row["raw_ms"].as_array().expect("times").iter().filter_map(|v| v.as_f64()).collect();
    let top = raw.iter().copied().fold(0.0, f64::max);
    row["raw_ms"] = vec![3.0 * top; raw.len()].into();
    let slower = s.write("slow.json", slow.to_string().as_bytes());
    vernis(&["bench", "--compare", &report, &slower]).succeeds();
    vernis(&["bench", "--compare", &report, &slower, "--fail-if", "20"]).fails_with(1, &["slower", "nafnet-denoise"]);
    vernis(&["bench", "--compare", &slower, &report, "--fail-if", "20"]).succeeds();
}

#[test]
fn requests_that_make_no_sense() {
    let s = Scratch::new();
    let no_report = s.write("no.json", b"{}");
    vernis(&["bench", "--compare", &no_report, &no_report]).fails_with(2, &["no.json", "report"]);
    vernis(&["bench", "--model", "nafnet-denoise", "--size", "0x0"]).fails_with(2, &["WIDTHxHEIGHT"]);
    vernis(&["bench", "--model", "genlv", "--size", "33x32"]).fails_with(2, &["multiples of 32"]);
    vernis(&["bench", "--model", "nosuchmodel", "--size", "32x32"]).fails_with(6, &["nosuchmodel", "restormer-d48"]);
}

#[test]
fn the_doctor_checks_every_kernel() {
    let outcome = vernis(&["doctor", "--kernels", "--json"]);
    outcome.succeeds();
    let found = json(&outcome.out);
    let findings = found["findings"].as_array().expect("a list");
    assert!(findings.len() >= 14, "seven kernels in two precisions: {found}");
    assert!(findings.iter().all(|f| f["outcome"] == "pass" && f["error"].as_f64() < Some(HALVES)), "{found}");
    assert_eq!(found["failed"], 0);
}
