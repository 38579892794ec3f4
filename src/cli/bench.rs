//! `vernis bench`

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::args::{DeviceArgs, usage};
use crate::run::bench::compare::compare;
use crate::run::bench::render::{self, Format};
use crate::run::bench::suite::{self, Ask, Extent};
use crate::run::bench::{Report, svg};
use crate::{DType, Error, Kind, Result, write_atomic};

#[derive(Debug, Args)]
pub struct BenchArgs {
    /// quick takes a minute or two and is never ranked; full is for tables
    #[arg(long, value_enum, value_name = "SUITE", conflicts_with = "model")]
    suite: Option<SuiteArg>,
    /// Time one network instead: a checkpoint file, shipped weights, or a network of the suite such as nafnet-w32
    #[arg(long, value_name = "FILE|NAME")]
    model: Option<String>,
    /// Time one kernel of the suite instead, such as matmul-1024
    #[arg(long, value_name = "NAME", conflicts_with_all = ["suite", "model", "size", "sustained"])]
    kernel: Option<String>,
    /// Width and height of the picture in pixels; what the device cannot take in one piece is cut as
    /// restore cuts it, and one tile is timed
    #[arg(long, value_name = "WxH", value_parser = size)]
    size: Option<(u32, u32)>,
    /// Storage; the full suite times both on a GPU
    #[arg(long, value_enum)]
    precision: Option<StorageArg>,
    /// Timed runs of each row
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    samples: Option<u32>,
    /// Then run each network for so long, and say how much the device slowed down
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    sustained: Option<u32>,
    /// Skip the comparison of outputs; the rows are marked unchecked and have no score
    #[arg(long)]
    no_check: bool,
    /// Format of the report
    #[arg(short = 'o', long = "format", value_enum, default_value = "md")]
    format: FormatArg,
    /// The same as -o json; with --model or --kernel the fields of its one row
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Write the report to a file, in the place of an earlier one
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Draw a roofline, and a chart of each network, as SVG
    #[arg(long, value_name = "DIR")]
    svg: Option<PathBuf>,
    /// Compare two reports written with -o json
    #[arg(long, num_args = 2, value_names = ["BEFORE", "AFTER"])]
    #[arg(conflicts_with_all = ["suite", "model", "kernel", "size"])]
    compare: Vec<PathBuf>,
    /// With --compare: exit code 1 if a row became slower by more than this, beyond noise
    #[arg(long, value_name = "PERCENT", requires = "compare", value_parser = percent)]
    fail_if: Option<f64>,
    /// Add the stored references of the suite that FILE lacks; for its maintainers
    #[arg(long, value_name = "FILE", hide = true)]
    record_probes: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SuiteArg {
    Quick,
    Full,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StorageArg {
    F32,
    F16,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatArg {
    Md,
    Json,
    Jsonl,
    Csv,
}

/// Reads `256x128`, or `256` for a square.
fn size(text: &str) -> Result<(u32, u32), String> {
    let (w, h) = text.split_once(['x', 'X']).unwrap_or((text, text));
    match (w.parse(), h.parse()) {
        (Ok(w @ 1..=32_768), Ok(h @ 1..=32_768)) => Ok((w, h)),
        _ => Err("expected WIDTHxHEIGHT, such as 512x512, at most 32768 each".into()),
    }
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim_end_matches('%').parse().ok().filter(|v: &f64| *v >= 0.0 && v.is_finite());
    number.ok_or_else(|| "expected a percentage, such as 5".into())
}

pub fn run(args: &BenchArgs) -> Result<u8> {
    if let [before, after] = &args.compare[..] {
        return beside(args, before, after);
    }
    let mut gpu = args.device.gpu()?;
    let mut say = |what: &str| eprintln!("measuring {what}");
    if let Some(file) = &args.record_probes {
        let bad = |e: &dyn std::fmt::Display| usage(format!("cannot read the probes {}", file.display())).why(e);
        let mut stored = match std::fs::read_to_string(file) {
            Ok(text) => serde_json::from_str(&text).map_err(|e| bad(&e))?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Default::default(),
            Err(e) => return Err(bad(&e)),
        };
        let mut keep = |probes: &_| write(file, &format!("{}\n", serde_json::json!(probes)));
        return suite::probes(&mut gpu, &mut stored, &mut say, &mut keep).map(|()| 0);
    }
    let report = suite::run(&mut gpu, &args.ask()?, &mut say)?;
    if let Some(dir) = &args.svg {
        draw(&report, dir)?;
    }
    let text = match args.format() {
        Format::Json if args.alone() && args.json => render::one(&report)?,
        format => render::render(&report, format)?,
    };
    args.put(&text)?;
    if args.output.is_some() {
        println!("{}", render::summary(&report));
    }
    // 7 is the guard's exit code: a result was wrong.
    Ok(if report.failed() { Kind::Guard.exit_code() } else { 0 })
}

impl BenchArgs {
    fn format(&self) -> Format {
        match self.format {
            _ if self.json => Format::Json,
            FormatArg::Md => Format::Markdown,
            FormatArg::Json => Format::Json,
            FormatArg::Jsonl => Format::JsonLines,
            FormatArg::Csv => Format::Csv,
        }
    }

    /// Whether one row is asked for.
    fn alone(&self) -> bool {
        self.model.is_some() || self.kernel.is_some()
    }

    fn ask(&self) -> Result<Ask> {
        let extent = match self.suite {
            _ if self.alone() => Extent::One,
            Some(SuiteArg::Full) => Extent::Full,
            _ => Extent::Quick,
        };
        Ok(Ask {
            extent,
            model: self.model.clone(),
            kernel: self.kernel.clone(),
            models: self.device.models()?,
            size: self.size,
            precision: self.precision.map(|p| match p {
                StorageArg::F32 => DType::F32,
                StorageArg::F16 => DType::F16,
            }),
            samples: self.samples.map(|n| n as usize),
            roof: self.svg.is_some(),
            check: !self.no_check,
            sustained: self.sustained.map(f64::from),
        })
    }

    fn put(&self, text: &str) -> Result<()> {
        match &self.output {
            Some(file) => write(file, text),
            None => {
                print!("{text}");
                Ok(())
            }
        }
    }
}

/// `--compare`
fn beside(args: &BenchArgs, before: &Path, after: &Path) -> Result<u8> {
    let comparison = compare(&read(before)?, &read(after)?)?;
    args.put(&comparison.markdown())?;
    let worse = args.fail_if.map(|p| comparison.worse(p)).unwrap_or_default();
    for line in &worse {
        eprintln!("slower: {line}");
    }
    Ok(u8::from(!worse.is_empty()))
}

fn read(path: &Path) -> Result<Report> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| usage(format!("cannot read the report {}", path.display())).why(e))?;
    render::parse(&text, &path.display().to_string())
}

/// Reports are made again and again under one name, so what was there before is replaced; whole or not at all.
fn write(path: &Path, text: &str) -> Result<()> {
    write_atomic(path, text.as_bytes(), true)
}

/// One roofline, and one chart for each network.
fn draw(report: &Report, dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir)
        .map_err(|e| Error::new(Kind::Output, format!("cannot create the directory {}", dir.display())).why(e))?;
    if let Some(picture) = svg::roofline(report) {
        write(&dir.join("roofline.svg"), &picture)?;
    }
    for row in report.rows.iter().filter(|r| r.kernels.len() > 1) {
        write(&dir.join(svg::file_name(row)), &svg::bars(report, row))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_percentages() {
        assert_eq!(size("512x256"), Ok((512, 256)));
        assert_eq!(size("128"), Ok((128, 128)));
        assert!(size("0x5").is_err() && size("axb").is_err() && size("99999").is_err());
        assert_eq!(percent("5%"), Ok(5.0));
        assert!(percent("-1").is_err() && percent("NaN").is_err());
    }
}
