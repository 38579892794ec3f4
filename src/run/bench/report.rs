//! What a benchmark says, as data: the same for every output format, and what `--compare` reads back.

use serde::{Deserialize, Serialize};

use super::gate::{Outcome, Verdict};
use super::micro::Micro;
use super::roof::Share;
use super::stamp::Stamp;
use super::stats::{Samples, Summary, summary};

/// What kind of work a row timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    Kernel,
    Model,
    /// From a file to a file.
    File,
}

impl Group {
    pub const fn name(self) -> &'static str {
        match self {
            Group::Kernel => "kernel",
            Group::Model => "model",
            Group::File => "file",
        }
    }
}

/// A long run after the others: its times are no samples of the row, which a warm device would spoil.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sustained {
    /// Medians of the first and of the last third.
    pub first_ms: f64,
    pub last_ms: f64,
    /// The last over the first.
    pub throttle: f64,
    pub raw_ms: Vec<f64>,
}

/// The tiles of a picture that the device cannot take in one piece, all of one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tiles {
    pub width: u32,
    pub height: u32,
    pub count: u32,
}

/// One timed work. Times are wall time of the forward pass alone, until the device is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub group: Group,
    pub name: String,
    pub width: u32,
    pub height: u32,
    /// Where the picture was cut: one tile was timed, and all but the peak is that of one times their number.
    #[serde(default)]
    pub tiles: Option<Tiles>,
    pub precision: String,
    pub median_ms: f64,
    pub mad_ms: f64,
    pub p90_ms: f64,
    pub min_ms: f64,
    pub samples: usize,
    /// The deviation is more than 5 % of the median.
    pub noisy: bool,
    /// The warm-up ended because times were steady, not because it took too long.
    pub steady: bool,
    /// Megapixels a second; absent if the gate did not pass.
    pub mp_per_s: Option<f64>,
    pub gate: Verdict,
    /// Sum of all kernels on the device's own clock, where it has one.
    pub gpu_ms: Option<f64>,
    /// Percent of the roof of all kernels together: the sum of the times that each one's limiting resource needs at
    /// least, over the time they took.
    pub roof: Option<f64>,
    /// Making the plan, and what the first run took longer than the median.
    pub compile_ms: f64,
    pub upload_ms: f64,
    pub readback_ms: f64,
    /// Activations and weights on the device.
    pub peak_bytes: u64,
    pub dispatches: usize,
    pub flops: u64,
    /// Bytes that the kernels must move at least.
    pub bytes: u64,
    /// What a sustained run found, where one was asked for.
    pub sustained: Option<Sustained>,
    /// Time by kernel, the largest first.
    pub kernels: Vec<Share>,
    pub raw_ms: Vec<f64>,
}

impl Row {
    /// A row of `samples`; what they do not tell is left empty.
    pub fn new(group: Group, name: &str, (width, height): (u32, u32), precision: &str, samples: &Samples) -> Row {
        let Summary { median, mad, p90, min } = summary(&samples.times);
        Row {
            group,
            name: name.to_owned(),
            width,
            height,
            tiles: None,
            precision: precision.to_owned(),
            median_ms: 1e3 * median,
            mad_ms: 1e3 * mad,
            p90_ms: 1e3 * p90,
            min_ms: 1e3 * min,
            samples: samples.times.len(),
            noisy: summary(&samples.times).noisy(),
            steady: samples.steady,
            mp_per_s: None,
            gate: Verdict { outcome: Outcome::Unchecked, error: None, reference: "none".into() },
            gpu_ms: None,
            roof: None,
            compile_ms: 0.0,
            upload_ms: 0.0,
            readback_ms: 0.0,
            peak_bytes: 0,
            dispatches: 0,
            flops: 0,
            bytes: 0,
            sustained: None,
            kernels: Vec::new(),
            raw_ms: samples.times.iter().map(|t| 1e3 * t).collect(),
        }
    }

    /// Takes the gate's verdict; only a pass earns a score.
    #[must_use]
    pub fn gated(mut self, verdict: Verdict) -> Row {
        let megapixels = f64::from(self.width) * f64::from(self.height) * 1e-6;
        self.mp_per_s = (verdict.outcome == Outcome::Pass).then(|| megapixels / (self.median_ms * 1e-3));
        self.gate = verdict;
        self
    }

    /// From the row of a tile, that of a `width` x `height` picture that has `count` of them.
    #[must_use]
    pub fn of_picture(mut self, (width, height): (u32, u32), count: u32) -> Row {
        self.tiles = Some(Tiles { width: self.width, height: self.height, count });
        // Tiles overlap, so the picture has fewer pixels than they have together.
        let pixels = |w: u32, h: u32| f64::from(w) * f64::from(h);
        let share = pixels(width, height) / pixels(self.width, self.height) / f64::from(count);
        self.mp_per_s = self.mp_per_s.map(|speed| speed * share);
        (self.width, self.height) = (width, height);
        let times = f64::from(count);
        for k in &mut self.kernels {
            k.ms *= times;
            k.dispatches *= count as usize;
            k.flops *= u64::from(count);
            k.bytes *= u64::from(count);
        }
        let spans = [&mut self.median_ms, &mut self.mad_ms, &mut self.p90_ms, &mut self.min_ms];
        let around = [&mut self.upload_ms, &mut self.readback_ms];
        for ms in spans.into_iter().chain(around).chain(&mut self.gpu_ms).chain(&mut self.raw_ms) {
            *ms *= times;
        }
        if let Some(long) = &mut self.sustained {
            let ends = [&mut long.first_ms, &mut long.last_ms];
            ends.into_iter().chain(&mut long.raw_ms).for_each(|ms| *ms *= times);
        }
        self.dispatches *= count as usize;
        self.flops *= u64::from(count);
        self.bytes *= u64::from(count);
        self
    }

    /// What two reports match rows by.
    pub fn label(&self) -> String {
        format!("{} {} {}x{} {}", self.group.name(), self.name, self.width, self.height, self.precision)
    }

    /// Time for people: `FAIL` where the result was wrong, `~` where it is unsure.
    pub fn time(&self) -> String {
        if self.gate.outcome == Outcome::Fail {
            return "FAIL".into();
        }
        let digits = if self.median_ms < 10.0 { 2 } else { usize::from(self.median_ms < 100.0) };
        format!("{}{:.digits$}", if self.noisy { "~" } else { "" }, self.median_ms)
    }
}

/// Everything one call measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub suite: String,
    /// `full`, `quick` or `one`.
    pub kind: String,
    /// `gpu` or `software`: reports are ranked within one of them.
    pub league: String,
    /// Whether the rows may stand in a table with others.
    pub ranked: bool,
    /// Why not.
    pub remarks: Vec<String>,
    /// 1000 x the geometric mean of megapixels a second over the networks of a full suite, per precision.
    pub scores: Vec<(String, f64)>,
    pub stamp: Stamp,
    pub micro: Option<Micro>,
    pub rows: Vec<Row>,
}

impl Report {
    pub fn failed(&self) -> bool {
        self.rows.iter().any(|r| r.gate.outcome == Outcome::Fail)
            || self.micro.as_ref().is_some_and(|m| m.gate.outcome == Outcome::Fail)
    }

    /// The score of a precision: only whole suites of passing rows have one, and precisions are never mixed.
    pub fn score(rows: &[Row], precision: &str) -> Option<f64> {
        let models: Vec<&Row> = rows.iter().filter(|r| r.group == Group::Model && r.precision == precision).collect();
        let speeds: Vec<f64> = models.iter().filter_map(|r| r.mp_per_s).collect();
        if speeds.is_empty() || speeds.len() < models.len() {
            return None;
        }
        let mean = speeds.iter().map(|s| s.ln()).sum::<f64>() / speeds.len() as f64;
        Some(1000.0 * mean.exp())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A passing row of a network.
    pub fn row(name: &str, times: &[f64]) -> Row {
        let samples = Samples { times: times.to_vec(), first: 1.0, steady: true };
        let verdict = Verdict { outcome: Outcome::Pass, error: Some(1e-6), reference: "test".into() };
        Row::new(Group::Model, name, (1000, 1000), "f32", &samples).gated(verdict)
    }

    #[test]
    fn a_failed_gate_has_no_score() {
        let good = row("a", &[0.5; 5]);
        assert_eq!(good.mp_per_s, Some(2.0));
        assert_eq!((good.time(), good.label()), ("500".into(), "model a 1000x1000 f32".into()));
        let fail = Verdict { outcome: Outcome::Fail, error: Some(1.0), reference: "test".into() };
        let bad = row("b", &[0.1; 5]).gated(fail);
        assert_eq!((bad.mp_per_s, bad.time().as_str()), (None, "FAIL"));
        assert_eq!(Report::score(&[good.clone(), bad], "f32"), None, "a failing row withholds the score");
        let score = Report::score(&[good.clone(), row("c", &[0.125; 5])], "f32").expect("all pass");
        assert!((score - 4000.0).abs() < 1e-6, "{score}");
        assert_eq!(Report::score(&[good], "f16"), None);
    }

    #[test]
    fn a_cut_picture_takes_the_time_of_its_tiles() {
        let mut tile = row("a", &[0.5; 5]);
        (tile.peak_bytes, tile.flops, tile.dispatches, tile.gpu_ms) = (7, 10, 3, Some(400.0));
        let picture = tile.of_picture((1800, 1000), 2);
        assert_eq!(picture.tiles, Some(Tiles { width: 1000, height: 1000, count: 2 }));
        assert_eq!((picture.width, picture.median_ms, picture.gpu_ms), (1800, 1000.0, Some(800.0)));
        assert_eq!((picture.peak_bytes, picture.flops, picture.dispatches), (7, 20, 6));
        assert!((picture.mp_per_s.expect("it passed") - 1.8).abs() < 1e-9);
        assert!(picture.raw_ms.iter().all(|t| *t == 1000.0));
        assert_eq!(picture.label(), "model a 1800x1000 f32");
    }

    #[test]
    fn doubtful_times_are_marked() {
        assert!(row("a", &[1.0, 1.2, 0.8, 1.2, 0.8]).time().starts_with('~'));
    }
}
