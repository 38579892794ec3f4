//! `vernis restore`

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::args::{DeviceArgs, PrecisionArg, ProtocolArg, adapter, bytes, share, tile, usage};
use super::draw::{DrawArgs, DrawRun};
use super::jobs::{Found, Job, jobs};
use super::progress::{Progress, ProgressArg, cancelled_error, error_event, named, rounded};
use super::show;
use crate::image::EXTENSIONS;
use crate::{
    Depth, EncodeOptions, Engine, Error, Format, Instruction, Kind, Limits, MetadataPolicy, Model, Picture,
    RestoreOptions, Result, TileChoice, decode_file, encode, write_atomic,
};

#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
pub struct RestoreArgs {
    /// Pictures, or directories of pictures; `-` is the standard input
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// Output file, or directory for several inputs; `-` is the standard output, and needs --format
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// What to do; `vernis tasks` lists the names. Models that blend take NAME=WEIGHT,NAME=WEIGHT
    #[arg(long, value_name = "NAME", conflicts_with_all = ["prompt_pair", "prompt"])]
    task: Option<String>,
    /// Say what to do in a plain English sentence
    #[arg(long, value_name = "SENTENCE", conflicts_with_all = ["task", "prompt_pair", "prompt"])]
    say: Option<String>,
    /// Weights: a file, a folder of shards, or the name of a shipped or installed model
    #[arg(long, value_name = "FILE|NAME")]
    model: Option<String>,
    /// Show the task by example: the same picture before and after
    #[arg(long, num_args = 2, value_names = ["BEFORE", "AFTER"])]
    prompt_pair: Option<Vec<PathBuf>>,
    /// An example stored by `vernis prompt`
    #[arg(long, value_name = "FILE", conflicts_with = "prompt_pair")]
    prompt: Option<PathBuf>,
    /// Share of the restored picture in the result
    #[arg(long, value_name = "0..1", default_value = "1", value_parser = share)]
    strength: f32,
    /// Tile edge in pixels, `auto`, or `off` for the whole picture at once
    #[arg(long, value_name = "N|auto|off", default_value = "auto", value_parser = tile)]
    tile: TileChoice,
    /// `official` treats the picture as the published program of the model's family does (8-bit RGB; resizing, cropping,
    /// padding, tiling, rounding); `own` keeps its size, depth and transparency
    #[arg(long, value_enum, default_value = "own")]
    protocol: ProtocolArg,
    /// A low-rank adapter (PEFT) from a file of its own, as a task that --task can name and blend, or, in families without
    /// such tasks, as part of the weights; repeatable
    #[arg(long, value_name = "NAME=FILE", value_parser = adapter, requires = "model")]
    adapter: Vec<(String, PathBuf)>,
    /// Storage of weights and activations
    #[arg(long, value_enum, default_value = "auto")]
    precision: PrecisionArg,
    /// Device memory a plan may take; else 2G, and 8G for checkpoints that draw
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    memory_budget: Option<u64>,
    /// Print the plan (tiles, memory, dispatches) and do nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Print the time of every kind of kernel
    #[arg(long)]
    pub(super) profile: bool,
    /// Write the lowered graph, as Graphviz (.dot) or JSON (.json)
    #[arg(long, value_name = "FILE")]
    pub(super) dump_graph: Option<PathBuf>,
    /// Say how the instruction was understood
    #[arg(long)]
    pub(super) explain: bool,
    /// Print nothing but errors
    #[arg(short, long)]
    pub(super) quiet: bool,
    /// How to tell what happens, on the standard error: a bar on a terminal and lines, lines, or a JSON object a line, whose
    /// `event` is start, progress, note, log, done, skipped, failed, end or error (drivers may print there too)
    #[arg(long, value_enum, default_value = "auto", conflicts_with = "quiet")]
    pub(super) progress: ProgressArg,
    #[command(flatten)]
    pub(super) draw: DrawArgs,
    #[command(flatten)]
    pub(super) output_args: OutputArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArgs {
    /// Replace files that exist
    #[arg(long)]
    pub(super) overwrite: bool,
    /// Leave files alone whose output exists
    #[arg(long, conflicts_with = "overwrite")]
    pub(super) skip_existing: bool,
    /// Format for outputs in a directory or a stream; else that of the input
    #[arg(long, value_enum)]
    pub(super) format: Option<FormatArg>,
    /// JPEG quality
    #[arg(long, default_value = "95", value_parser = clap::value_parser!(u8).range(1..=100))]
    quality: u8,
    /// Bits a sample, or floating point (TIFF only); else those of the input
    #[arg(long, value_parser = ["8", "16", "float"])]
    pub(super) depth: Option<String>,
    /// What travels with the pixels
    #[arg(long, value_enum, default_value = "keep")]
    metadata: MetadataArg,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum FormatArg {
    Png,
    Jpg,
    Tiff,
    Webp,
}

impl From<FormatArg> for Format {
    fn from(format: FormatArg) -> Format {
        match format {
            FormatArg::Png => Format::Png,
            FormatArg::Jpg => Format::Jpeg,
            FormatArg::Tiff => Format::Tiff,
            FormatArg::Webp => Format::WebP,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum MetadataArg {
    Keep,
    Strip,
    OnlyIcc,
}

impl RestoreArgs {
    /// The options for every picture; `budget` where none was given.
    pub(super) fn options(&self, budget: u64) -> RestoreOptions {
        RestoreOptions {
            precision: self.precision.into(),
            tile: self.tile,
            protocol: self.protocol.into(),
            strength: self.strength,
            memory_budget: self.memory_budget.unwrap_or(budget),
        }
    }
}

impl OutputArgs {
    pub(super) fn encoding(&self) -> EncodeOptions {
        EncodeOptions {
            quality: self.quality,
            depth: self.depth.as_deref().map(|d| match d {
                "16" => Depth::Sixteen,
                "float" => Depth::Float,
                _ => Depth::Eight,
            }),
            metadata: match self.metadata {
                MetadataArg::Keep => MetadataPolicy::Keep,
                MetadataArg::Strip => MetadataPolicy::Strip,
                MetadataArg::OnlyIcc => MetadataPolicy::OnlyIcc,
            },
        }
    }
}

/// How often a run opens a lost device again.
const MOST_REOPENED: u32 = 2;

pub fn run(args: &RestoreArgs) -> Result<u8> {
    match all(args) {
        Err(e) if args.progress == ProgressArg::Json => {
            error_event(&e);
            Ok(e.kind().exit_code())
        }
        result => result,
    }
}

fn all(args: &RestoreArgs) -> Result<u8> {
    let Found { mut jobs, strangers } = jobs(&args.inputs, &args.output, &args.output_args, args.dry_run)?;
    if args.dump_graph.is_some() && jobs.len() > 1 {
        return Err(usage(format!("one graph file for {} pictures", jobs.len()))
            .why("pictures of another size have another graph")
            .advice("name one picture with --dump-graph"));
    }
    if let Some(file) = &args.dump_graph
        && !file.extension().is_some_and(|ending| ending == "dot" || ending == "json")
    {
        return Err(usage(format!("{} names no kind of graph file", file.display())).advice("use .dot or .json"));
    }
    let told = args.progress == ProgressArg::Json;
    let mut engine = args.device.engine(args.quiet || told)?;
    let instruction = instruction(args)?;
    let mut model = model(args, &engine, &instruction)?;
    for (task, file) in &args.adapter {
        model = model.attach(task, file)?;
        if !args.quiet && !told && !model.tasks().contains(task) {
            eprintln!("{task} is part of the weights now: {} carries no tasks of its own", model.family());
        }
    }
    let attached = args.adapter.iter().map(|(task, _)| task).find(|task| model.tasks().contains(task));
    if let (Some(task), Instruction::Blind, false, false) = (attached, &instruction, args.quiet, told) {
        eprintln!("note: no --task names the adapter {task}, so it changes nothing");
    }
    let options = args.options(RestoreOptions::default().memory_budget);
    let drawing = model.draws().then(|| DrawRun::new(args, &model, &instruction, &mut jobs)).transpose()?;
    if drawing.is_none() {
        args.draw.refuse(model.family())?;
    }
    let mut batch = Batch { args, instruction: &instruction, options: &options, drawing };
    let total = jobs.iter().map(|j| pixels(&j.input)).sum();
    let how = if args.dry_run && !told { ProgressArg::Plain } else { args.progress };
    let mut progress = Progress::new(total, how, args.quiet);
    let facts = json!({
        "model": model.name(), "family": model.family(), "files": jobs.len(), "pixels": total,
        "adapter": engine.adapter().name, "software": engine.adapter().software,
    });
    progress.begin(&format!("model: {} ({})", model.name(), model.family()), facts);
    if let [first, ..] = &strangers[..] {
        progress.note(first, &left_out(&strangers));
    }
    let mut failures: Vec<Error> = Vec::new();
    let mut reopened = 0;
    for job in &jobs {
        progress.start(&job.input.display().to_string(), "");
        let mut result = batch.one(&engine, job, &mut model, &progress);
        // A driver that was reset or crashed takes the device along, and no other picture would get through. One that goes
        // again and again has a reason that opening it once more does not mend.
        if let (Err(e), Some(_)) = (&result, engine.lost())
            && reopened < MOST_REOPENED
            && !job.reads_stream()
        {
            progress.note(&job.input, &format!("{e}; the device is opened again"));
            engine = args.device.engine(true).inspect_err(|_| progress.finish())?;
            reopened += 1;
            result = batch.one(&engine, job, &mut model, &progress);
        }
        if let Err(e) = result {
            if e.kind() == Kind::Cancelled {
                progress.finish();
                return Err(e);
            }
            progress.failed(&job.input, &e);
            failures.push(e);
        }
        progress.finish_one(pixels(&job.input));
        if progress.cancelled() {
            progress.finish();
            return Err(cancelled_error());
        }
    }
    progress.end(jobs.len(), failures.len());
    Ok(match (&failures[..], jobs.len()) {
        ([], _) => 0,
        ([first, rest @ ..], n) if n == failures.len() => {
            // All failed: the code of their common cause.
            if rest.iter().all(|e| e.kind() == first.kind()) { first.kind().exit_code() } else { 1 }
        }
        _ => 3,
    })
}

struct Batch<'a> {
    args: &'a RestoreArgs,
    instruction: &'a Instruction,
    options: &'a RestoreOptions,
    /// Where the model draws.
    drawing: Option<DrawRun<'a>>,
}

impl Batch<'_> {
    fn one(&mut self, engine: &Engine, job: &Job, model: &mut Model, progress: &Progress) -> Result<()> {
        let args = self.args;
        if let Some(drawing) = &self.drawing {
            return drawing.one(engine, job, model, progress);
        }
        if args.output_args.skip_existing && job.output.exists() {
            progress.skipped(&job.input);
            return Ok(());
        }
        let format = job.format(&args.output_args)?;
        if !job.to_stream() {
            job.may_write(&job.output, args.output_args.overwrite, args.dry_run)?;
        }
        if args.profile && job.to_stream() {
            return Err(usage("--profile prints to the standard output, where the picture goes")
                .advice("write the picture to a file"));
        }
        let picture = job.read()?;
        warn(job, &picture.warnings, progress);
        let size = (picture.width, picture.height);
        if let Some(file) = &args.dump_graph {
            let (dot, json) = engine.dump_graph(model, size, self.instruction, self.options)?;
            let text = if file.extension().is_some_and(|e| e == "json") { json } else { dot };
            write_atomic(file, text.as_bytes(), args.output_args.overwrite)?;
        }
        if args.profile {
            show::profile(&engine.profile(model, size, self.instruction, self.options)?);
        }
        if args.dry_run {
            let report = engine.plan(model, size, self.instruction, self.options)?;
            println!("{}: {}x{}", job.input.display(), size.0, size.1);
            show::plan(&report);
            return Ok(());
        }
        let pixels = picture.pixels() as u64;
        let mut step = |share: f32| progress.step(pixels, share);
        let restored = engine.restore(model, &picture, self.instruction, self.options, &mut step)?;
        warn(job, &restored.report.notes, progress);
        self.write(job, &restored.picture, format, progress)?;
        if args.explain {
            restored.report.explain.iter().for_each(|line| progress.log(&format!("understood: {line}")));
        }
        let r = &restored.report;
        let line = format!(
            "{} -> {}: {}x{}, {} in {:.2} s, {}, {}",
            job.input.display(),
            job.output.display(),
            restored.picture.width,
            restored.picture.height,
            if r.tiles == 1 { "1 tile".into() } else { format!("{} tiles of {}x{}", r.tiles, r.tile.0, r.tile.1) },
            r.seconds,
            r.precision,
            r.adapter
        );
        let facts = json!({
            "file": named(&job.input), "outputs": [named(&job.output)], "width": restored.picture.width,
            "height": restored.picture.height, "tiles": r.tiles, "work_seconds": rounded(r.seconds), "precision": r.precision,
        });
        progress.done(&line, facts);
        Ok(())
    }

    fn write(&self, job: &Job, picture: &Picture, format: Format, progress: &Progress) -> Result<()> {
        let out = &self.args.output_args;
        let encoded = encode(picture, format, &out.encoding())?;
        warn(job, &encoded.warnings, progress);
        job.write(&encoded.bytes, out.overwrite)
    }
}

/// What is said of files in directories that are no pictures.
fn left_out(strangers: &[PathBuf]) -> String {
    let others = strangers.len() - 1;
    let which = if others == 0 { "it is".into() } else { format!("it and {others} more files in directories are") };
    format!("{which} left out: not named like a picture ({})", EXTENSIONS.join(", "))
}

pub(super) fn warn(job: &Job, warnings: &[String], progress: &Progress) {
    warnings.iter().for_each(|w| progress.note(&job.input, w));
}

/// Pixels by the header alone; what cannot be read counts nothing and fails later with its reason.
fn pixels(path: &Path) -> u64 {
    ::image::image_dimensions(path).map_or(0, |(w, h)| u64::from(w) * u64::from(h))
}

fn instruction(args: &RestoreArgs) -> Result<Instruction> {
    if let Some(pair) = &args.prompt_pair {
        let read = |p: &PathBuf| decode_file(p, &Limits::default()).map(Box::new);
        return Ok(Instruction::Pair { before: read(&pair[0])?, after: read(&pair[1])? });
    }
    Ok(match (&args.prompt, &args.task, &args.say) {
        (Some(path), ..) => Instruction::Prompt(path.clone()),
        (None, Some(task), _) => Instruction::Task(task.clone()),
        (None, None, Some(words)) => Instruction::Words(words.clone()),
        (None, None, None) => Instruction::Blind,
    })
}

/// The model that was named, or the shipped one that suits the instruction.
fn model(args: &RestoreArgs, engine: &Engine, instruction: &Instruction) -> Result<Model> {
    match (&args.model, instruction) {
        (Some(name), _) => engine.load(name),
        (None, Instruction::Task(task)) => engine.load_for_task(task),
        (None, Instruction::Words(words)) => engine.load_for_words(words),
        (None, Instruction::Blind) => Err(usage("nothing says what to do with the picture")
            .advice("use --task NAME (`vernis tasks` lists them), --prompt-pair BEFORE AFTER, or --model FILE")),
        (None, _) => engine.load("genlv"),
    }
}
