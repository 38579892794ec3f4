//! `vernis eval`

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::args::{DeviceArgs, PrecisionArg, tile, usage};
use super::progress::{Progress, ProgressArg, cancelled_error};
use crate::api::folder::{Folder, within};
use crate::{
    Degradation, EncodeOptions, Engine, Error, Figures, Format, Instruction, Kind, Limits, Model, Picture,
    RestoreOptions, Result, Sample, TileChoice, compare, decode_file, degraded, encode, paired, write_atomic,
};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vernis eval --clean photos --degrade noise=25,jpeg=10
  vernis eval --pairs rainy clean --task derain --model my.safetensors --json
  vernis eval --pairs results clean

Folders in the directories count too. Without a model and a task, --pairs compares the two as they are.

Figures are means over the pictures, of 8-bit values: PSNR in dB over the three channels, SSIM with a Gaussian \
window of 11x11.")]
pub struct EvalArgs {
    /// Inputs and targets: two directories with files of the same names, or one that holds `input` and `target`
    #[arg(long, num_args = 1..=2, value_names = ["INPUTS", "TARGETS"], required_unless_present = "clean")]
    pairs: Vec<PathBuf>,
    /// Clean photographs (those in its folders too), damaged by --degrade
    #[arg(long, value_name = "DIR", conflicts_with = "pairs", requires = "degrade")]
    clean: Option<PathBuf>,
    /// KIND or KIND=LEVEL, separated by commas: noise, blur, motion, jpeg, rain, streaks (of rain), snow, haze, fog,
    /// lowlight, saltpepper, scratches, edges, pencil
    #[arg(long, value_name = "LIST", requires = "clean")]
    degrade: Option<String>,
    /// What to do; else what undoes the damage
    #[arg(long, value_name = "NAME")]
    task: Option<String>,
    /// Restore blindly: tell the model nothing
    #[arg(long, conflicts_with = "task", requires = "model")]
    blind: bool,
    /// Weights; else the shipped ones for the task
    #[arg(long, value_name = "FILE|NAME")]
    model: Option<String>,
    /// Seed of the damage
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Tile edge in pixels, `auto`, or `off` for the whole picture at once
    #[arg(long, value_name = "N|auto|off", default_value = "auto", value_parser = tile)]
    tile: TileChoice,
    /// Storage of weights and activations
    #[arg(long, value_enum, default_value = "auto")]
    precision: PrecisionArg,
    /// Also write every input and output here, as PNG; those of an earlier run are replaced
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    /// Print JSON, with the figures of every picture
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArgs,
}

/// What is measured together: one damage, or one pair of directories.
struct Series {
    label: String,
    /// What each picture is called in reports and files.
    names: Vec<String>,
    /// The task that is asked for; `None` compares without restoring, or restores blindly.
    task: Option<String>,
    source: Source,
}

enum Source {
    Clean(Vec<PathBuf>, Degradation),
    Pairs(Vec<(PathBuf, PathBuf)>),
}

struct Row {
    name: String,
    input: Figures,
    output: Option<Figures>,
}

pub fn run(args: &EvalArgs) -> Result<u8> {
    let series = series(args)?;
    let restores = args.model.is_some() || series.iter().any(|s| s.task.is_some());
    let engine = if restores { Some(args.device.engine(false)?) } else { None };
    let total: usize = series.iter().map(|s| s.names.len()).sum();
    let mut progress = Progress::new(total as u64, ProgressArg::Auto, false);
    let mut all = Vec::new();
    for one in &series {
        let model = engine.as_ref().map(|engine| load(args, engine, one)).transpose()?;
        all.push(measure(args, one, engine.as_ref().zip(model), &mut progress)?);
    }
    progress.finish();
    if args.json {
        let report: serde_json::Map<String, Value> = all.iter().map(|m| (m.label.clone(), m.to_json())).collect();
        println!("{:#}", Value::Object(report));
    } else {
        println!(
            "{:18}{:>7}{:>10}{:>8}{:>11}{:>8}{:>8}  model",
            "", "images", "input dB", "SSIM", "output dB", "SSIM", "gain"
        );
        all.iter().for_each(|m| println!("{}", m.line()));
    }
    Ok(0)
}

fn series(args: &EvalArgs) -> Result<Vec<Series>> {
    if args.clean.is_none() && args.degrade.is_some() {
        return Err(usage("--degrade damages the pictures of --clean, and there are none")
            .advice("use --clean DIR with it, or --pairs without"));
    }
    let Some(clean) = &args.clean else {
        let (inputs, targets) = match &args.pairs[..] {
            [inputs, targets] => (inputs.clone(), targets.clone()),
            [both, ..] => (both.join("input"), both.join("target")),
            [] => return Err(usage("nothing to measure").advice("use --pairs or --clean with --degrade")),
        };
        let label = inputs.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let pairs = paired(&inputs, &targets)?;
        let names = names(&inputs, pairs.iter().map(|(input, _)| input));
        return Ok(vec![Series { label, names, task: args.task.clone(), source: Source::Pairs(pairs) }]);
    };
    let kinds = Degradation::parse(args.degrade.as_deref().unwrap_or_default())?;
    let pictures = Folder::read(clean, args.save.as_deref())?.pictures;
    let one = |how: Degradation| Series {
        label: how.label(),
        names: names(clean, pictures.iter()),
        task: if args.blind { None } else { args.task.clone().or_else(|| Some(how.kind.task.to_owned())) },
        source: Source::Clean(pictures.clone(), how),
    };
    Ok(kinds.into_iter().map(one).collect())
}

impl Series {
    fn samples(&self, seed: u64) -> Box<dyn Iterator<Item = Result<Sample>> + '_> {
        let names = self.names.iter().cloned();
        match &self.source {
            Source::Clean(paths, how) => Box::new(
                paths.iter().zip(names).map(move |(path, name)| Ok(Sample { name, ..degraded(path, how, seed)? })),
            ),
            Source::Pairs(pairs) => Box::new(pairs.iter().zip(names).map(|((input, target), name)| {
                let read = |path: &Path| decode_file(path, &Limits::default());
                Ok(Sample { name, input: read(input)?, target: read(target)? })
            })),
        }
    }
}

/// What the pictures of a directory are called in reports and files: their paths from there on without the extension, with
/// it where two share one (or would on a system that ignores case).
fn names<'a>(directory: &Path, paths: impl Iterator<Item = &'a PathBuf>) -> Vec<String> {
    let whole: Vec<PathBuf> = paths.map(|path| within(directory, path)).collect();
    let bare = |path: &PathBuf| path.with_extension("").to_string_lossy().into_owned();
    let mut counts = HashMap::new();
    for path in &whole {
        *counts.entry(bare(path).to_lowercase()).or_insert(0) += 1;
    }
    let name = |path: &PathBuf| match counts[&bare(path).to_lowercase()] {
        1 => bare(path),
        _ => path.to_string_lossy().into_owned(),
    };
    whole.iter().map(name).collect()
}

fn load(args: &EvalArgs, engine: &Engine, series: &Series) -> Result<Model> {
    match (&args.model, &series.task) {
        (Some(name), _) => engine.load(name),
        (None, Some(task)) => engine.load_for_task(task),
        (None, None) => Err(usage("no model and no task")),
    }
}

/// The figures of one series.
struct Measured {
    label: String,
    model: String,
    rows: Vec<Row>,
}

fn measure(
    args: &EvalArgs,
    series: &Series,
    network: Option<(&Engine, Model)>,
    progress: &mut Progress,
) -> Result<Measured> {
    let instruction = series.task.clone().map_or(Instruction::Blind, Instruction::Task);
    let options = RestoreOptions { precision: args.precision.into(), tile: args.tile, ..RestoreOptions::default() };
    let mut network = network;
    let mut rows = Vec::new();
    for sample in series.samples(args.seed) {
        let sample = sample?;
        progress.start(&format!("{} {}", series.label, sample.name), "");
        let mut output = None;
        if let Some((engine, model)) = &mut network {
            let mut step = |share| progress.step(1, share);
            let restored = engine.restore(model, &sample.input, &instruction, &options, &mut step)?.picture;
            save(args, &series.label, &sample.name, "output", &restored)?;
            output = Some(compare(&restored, &sample.target)?);
        }
        save(args, &series.label, &sample.name, "input", &sample.input)?;
        rows.push(Row { input: compare(&sample.input, &sample.target)?, name: sample.name, output });
        progress.finish_one(1);
        if progress.cancelled() {
            progress.finish();
            return Err(cancelled_error());
        }
    }
    let model = network.map_or(String::new(), |(_, model)| model.name().to_owned());
    Ok(Measured { label: series.label.clone(), model, rows })
}

fn save(args: &EvalArgs, label: &str, name: &str, side: &str, picture: &Picture) -> Result<()> {
    let Some(directory) = &args.save else { return Ok(()) };
    let file = directory.join(label).join(format!("{name}_{side}.png"));
    let directory = file.parent().unwrap_or(directory);
    std::fs::create_dir_all(directory)
        .map_err(|e| Error::new(Kind::Output, format!("cannot create the directory {}", directory.display())).why(e))?;
    let encoded =
        encode(picture, Format::Png, &EncodeOptions { depth: Some(crate::Depth::Eight), ..EncodeOptions::default() })?;
    write_atomic(file, &encoded.bytes, true)
}

impl Measured {
    fn mean(&self, figure: impl Fn(&Row) -> Option<f64>) -> Option<f64> {
        let values: Vec<f64> = self.rows.iter().filter_map(figure).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }

    /// Input PSNR and SSIM, and those of the output if something was restored.
    fn means(&self) -> [Option<f64>; 4] {
        [
            self.mean(|r| Some(r.input.psnr)),
            self.mean(|r| Some(r.input.ssim)),
            self.mean(|r| r.output.map(|o| o.psnr)),
            self.mean(|r| r.output.map(|o| o.ssim)),
        ]
    }

    fn line(&self) -> String {
        let [before, before_ssim, after, after_ssim] = self.means();
        let text = |v: Option<f64>, places: usize| v.map_or("-".to_owned(), |v| format!("{v:.places$}"));
        format!(
            "{:18}{:>7}{:>10}{:>8}{:>11}{:>8}{:>8}  {}",
            self.label,
            self.rows.len(),
            text(before, 2),
            text(before_ssim, 4),
            text(after, 2),
            text(after_ssim, 4),
            after.zip(before).map_or("-".to_owned(), |(a, b)| format!("{:+.2}", a - b)),
            self.model
        )
    }

    fn to_json(&self) -> Value {
        let [input_psnr, input_ssim, psnr, ssim] = self.means();
        let file = |r: &Row| {
            let (psnr, ssim) = (r.output.map(|o| o.psnr), r.output.map(|o| o.ssim));
            json!({"file": r.name, "input_psnr": r.input.psnr, "input_ssim": r.input.ssim, "psnr": psnr, "ssim": ssim})
        };
        json!({
            "images": self.rows.len(), "model": self.model, "input_psnr": input_psnr, "input_ssim": input_ssim,
            "psnr": psnr, "ssim": ssim, "files": self.rows.iter().map(file).collect::<Vec<_>>(),
        })
    }
}
