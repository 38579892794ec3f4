//! Two reports beside each other: how each row changed, and whether more than noise did it.

use super::report::{Report, Row};
use super::stats::median;
use crate::base::{Error, Kind, Result};

/// One row in both reports.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub label: String,
    pub before_ms: f64,
    pub after_ms: f64,
    /// New time over old time.
    pub ratio: f64,
    /// 95 % of resampled ratios lie in here.
    pub interval: (f64, f64),
}

/// All rows of two reports.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Comparison {
    pub changes: Vec<Change>,
    /// Labels that the second report lacks, or whose gate failed there.
    pub lost: Vec<String>,
    /// What makes the comparison doubtful.
    pub remarks: Vec<String>,
}

/// Compares `after` with `before`.
pub fn compare(before: &Report, after: &Report) -> Result<Comparison> {
    if before.suite != after.suite {
        return Err(Error::new(Kind::Usage, "the reports are of different suites")
            .why(format!("{} and {}: their workloads differ", before.suite, after.suite)));
    }
    let mut out = Comparison::default();
    for (what, a, b) in [
        ("adapter", &before.stamp.adapter, &after.stamp.adapter),
        ("driver", &before.stamp.driver, &after.stamp.driver),
        ("processor", &before.stamp.cpu, &after.stamp.cpu),
        ("backend", &before.stamp.backend, &after.stamp.backend),
        ("kernel family", &before.stamp.contraction, &after.stamp.contraction),
        ("extent", &before.kind, &after.kind),
    ] {
        if a != b {
            out.remarks.push(format!("the {what} differs: {a} before, {b} after"));
        }
    }
    let usable = |r: &&Row| r.gate.outcome != super::gate::Outcome::Fail;
    for old in before.rows.iter().filter(usable) {
        let label = old.label();
        match after.rows.iter().filter(usable).find(|r| r.label() == label) {
            Some(new) => out.changes.push(Change {
                label,
                before_ms: old.median_ms,
                after_ms: new.median_ms,
                ratio: new.median_ms / old.median_ms,
                interval: interval(&old.raw_ms, &new.raw_ms),
            }),
            None => out.lost.push(label),
        }
    }
    Ok(out)
}

impl Comparison {
    /// Rows that are slower by more than `percent` beyond what noise explains, and rows that were lost.
    pub fn worse(&self, percent: f64) -> Vec<String> {
        let slower = |c: &&Change| c.ratio > 1.0 + percent / 100.0 && c.interval.0 > 1.0;
        let changes = self.changes.iter().filter(slower);
        let slower = changes.map(|c| format!("{} takes {:+.1} %", c.label, 100.0 * (c.ratio - 1.0)));
        slower.chain(self.lost.iter().map(|l| format!("{l} is missing or failed"))).collect()
    }

    pub fn markdown(&self) -> String {
        let mut out =
            String::from("| work | before, ms | after, ms | change | 95 % interval |\n|---|---|---|---|---|\n");
        for c in &self.changes {
            let sure = c.interval.0 > 1.0 || c.interval.1 < 1.0;
            let percent = |r: f64| 100.0 * (r - 1.0);
            out += &format!(
                "| {} | {:.2} | {:.2} | {:+.1} %{} | {:+.1} to {:+.1} % |\n",
                c.label,
                c.before_ms,
                c.after_ms,
                percent(c.ratio),
                if sure { "" } else { " ~" },
                percent(c.interval.0),
                percent(c.interval.1),
            );
        }
        for label in &self.lost {
            out += &format!("| {label} | | missing or FAIL | | |\n");
        }
        for remark in &self.remarks {
            out += &format!("\nNote: {remark}.\n");
        }
        out
    }
}

const RESAMPLES: usize = 1000;

/// Bootstrap interval of the ratio of medians. The generator is seeded, so that a comparison can be repeated.
fn interval(before: &[f64], after: &[f64]) -> (f64, f64) {
    let mut state = 0x9E37_79B9_7F4A_7C15u64;
    let mut resampled = |values: &[f64]| {
        let drawn: Vec<f64> = values
            .iter()
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                values[(state >> 33) as usize % values.len()]
            })
            .collect();
        median(&drawn)
    };
    let mut ratios: Vec<f64> = (0..RESAMPLES).map(|_| resampled(after) / resampled(before)).collect();
    ratios.sort_by(f64::total_cmp);
    (ratios[RESAMPLES / 40], ratios[RESAMPLES - 1 - RESAMPLES / 40])
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::row;
    use super::super::stamp::tests::stamp;
    use super::*;

    fn report(rows: Vec<Row>) -> Report {
        Report {
            suite: "v1".into(),
            kind: "one".into(),
            league: "gpu".into(),
            ranked: false,
            remarks: Vec::new(),
            scores: Vec::new(),
            stamp: stamp("gpu"),
            micro: None,
            rows,
        }
    }

    #[test]
    fn a_slower_row_fails_and_a_noisy_one_does_not() {
        let before = report(vec![row("calm", &[1.0, 1.01, 0.99, 1.0, 1.0]), row("noisy", &[1.0, 2.0, 0.5, 1.5, 0.9])]);
        let after = report(vec![row("calm", &[1.2, 1.21, 1.19, 1.2, 1.2]), row("noisy", &[1.2, 0.6, 2.2, 1.1, 1.9])]);
        let c = compare(&before, &after).expect("one suite");
        let worse = c.worse(5.0);
        assert_eq!(worse.len(), 1, "{worse:?}");
        assert!(worse[0].contains("calm") && worse[0].contains("+20.0 %"), "{worse:?}");
        assert!(c.worse(25.0).is_empty());
        assert!(c.markdown().lines().count() == 4);
        assert!(compare(&before, &before).expect("one suite").worse(0.0).is_empty());
        assert!(compare(&after, &before).expect("one suite").worse(0.0).is_empty(), "faster is no failure");
    }

    #[test]
    fn a_lost_row_fails() {
        let before = report(vec![row("a", &[1.0; 5])]);
        assert_eq!(compare(&before, &report(vec![])).expect("one suite").worse(5.0).len(), 1);
    }

    #[test]
    fn other_suites_and_devices() {
        let a = report(vec![row("a", &[1.0; 5])]);
        let mut b = a.clone();
        b.stamp.adapter = "another".into();
        assert!(compare(&a, &b).expect("one suite").remarks[0].contains("another"));
        b.suite = "v2".into();
        assert!(compare(&a, &b).is_err());
    }
}
