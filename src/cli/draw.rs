//! `vernis restore` with a checkpoint that draws: one picture in, a restored picture or a map with its files out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::args::usage;
use super::jobs::Job;
use super::progress::{Progress, named, rounded};
use super::restore::{FormatArg, OutputArgs, RestoreArgs, warn};
use super::show;
use crate::{
    Answer, DrawOptions, DrawTask, Engine, Format, Instruction, MapKind, Model, Picture, RestoreOptions, Result,
    write_all_atomic, write_atomic,
};

pub const HELP: &str = "Checkpoints that draw (diffusion generalists) answer with a picture or a map. `vernis tasks \
FILE` lists what they know.
  depth       OUT.png 16 bits over its range, OUT.color.png, OUT.overlay.png, OUT.json (the range)
  semantic    OUT.png palette, OUT.labels.png class numbers, OUT.overlay.png, OUT.json (the legend)
  instance,
  panoptic    OUT.png COCO ids (R + 256 G + 65536 B), OUT.color.png, OUT.overlay.png, OUT.json (segments_info)
They look at the whole photograph, brought to the size they were trained on, and the answer is brought back to the \
photograph's size: labels by the nearest pixel, depth and pictures bilinearly. A restored picture loses detail finer \
than they draw; --tile N restores in tiles of N pixels, each drawn at the checkpoint's own size, as do checkpoints that \
ask for tiles themselves.";

#[derive(Debug, Args)]
#[command(next_help_heading = "Checkpoints that draw")]
pub struct DrawArgs {
    /// Denoising steps; else as many as the checkpoint says
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    steps: Option<u32>,
    /// Number of the noise a drawing starts from, the same on every device; else 0
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Fresh noise in each step, 0 (none) to 1; else as the checkpoint says
    #[arg(long, value_name = "0..1")]
    eta: Option<f64>,
}

impl DrawArgs {
    /// Refused for a model that restores: it has no steps and no noise.
    pub fn refuse(&self, family: &str) -> Result<()> {
        let given = [("--steps", self.steps.is_some()), ("--seed", self.seed.is_some()), ("--eta", self.eta.is_some())];
        match given.into_iter().find(|(_, given)| *given) {
            None => Ok(()),
            Some((flag, _)) => Err(usage(format!("{flag} is for checkpoints that draw their answer from noise"))
                .why(format!("a {family} checkpoint restores in one pass"))
                .advice(format!("leave {flag} out"))),
        }
    }
}

/// A run over pictures with a checkpoint that draws.
pub struct DrawRun<'a> {
    args: &'a RestoreArgs,
    instruction: &'a Instruction,
    task: DrawTask,
    options: DrawOptions,
}

impl<'a> DrawRun<'a> {
    /// Checks what can be checked before the first picture: the task, options that maps have not, names of all files.
    pub fn new(
        args: &'a RestoreArgs,
        model: &Model,
        instruction: &'a Instruction,
        jobs: &mut [Job],
    ) -> Result<DrawRun<'a>> {
        let defaults = DrawOptions::default();
        let restore = args.options(defaults.restore.memory_budget);
        let DrawArgs { steps, seed, eta } = args.draw;
        let options = DrawOptions { restore, steps, eta, seed: seed.unwrap_or(defaults.seed), noise: None };
        let task = model.draw_task(instruction)?;
        if jobs.iter().any(Job::to_stream) {
            return Err(
                usage("a drawing may be several files, and the standard output is one").advice("name a file with -o")
            );
        }
        if let Some(kind) = task.map {
            refuse_for_maps(&args.output_args, &options.restore, &task)?;
            let mut taken: BTreeMap<PathBuf, &Path> = BTreeMap::new();
            for job in jobs {
                if !job.named {
                    job.output.set_extension("png");
                }
                if !matches!(Format::from_path(&job.output)?, Format::Png) {
                    return Err(usage(format!("{} cannot hold a map", job.output.display()))
                        .why(format!("the task {} answers with numbers, which other formats would change", task.name))
                        .advice("name a .png file"));
                }
                for file in files(&job.output, kind) {
                    if let Some(other) = taken.insert(file.clone(), &job.input) {
                        return Err(usage(format!("two pictures would be written to {}", file.display()))
                            .why(format!("{} and {}", other.display(), job.input.display())));
                    }
                }
            }
        }
        Ok(DrawRun { args, instruction, task, options })
    }

    /// Draws one picture and writes all its files, or none.
    pub fn one(&self, engine: &Engine, job: &Job, model: &mut Model, progress: &Progress) -> Result<()> {
        let (args, out) = (self.args, &self.args.output_args);
        let beside = self.task.map.map_or_else(|| vec![job.output.clone()], |kind| files(&job.output, kind));
        // A map's files are written together, so one that is there stands for all.
        if out.skip_existing && beside.iter().any(|file| file.exists()) {
            progress.skipped(&job.input);
            return Ok(());
        }
        Format::from_path(&job.output)?;
        beside.iter().try_for_each(|file| job.may_write(file, out.overwrite, args.dry_run))?;
        let photo = job.read()?;
        warn(job, &photo.warnings, progress);
        let size = (photo.width, photo.height);
        if let Some(file) = &args.dump_graph {
            let (dot, json) = engine.dump_drawing(model, size, self.instruction, &self.options)?;
            let text = if file.extension().is_some_and(|e| e == "json") { json } else { dot };
            write_atomic(file, text.as_bytes(), out.overwrite)?;
        }
        if args.profile {
            show::profile(&engine.profile_drawing(model, size, self.instruction, &self.options)?);
            println!("(the text tower, the image encoder and one step, each run once)");
        }
        if args.dry_run {
            let report = engine.plan_drawing(model, size, self.instruction, &self.options)?;
            println!("{}: {}x{}", job.input.display(), size.0, size.1);
            show::drawing_plan(&report);
            return Ok(());
        }
        let (pixels, name) = (photo.pixels() as u64, job.input.display().to_string());
        let mut step = 0;
        let mut moved = |p: crate::DrawProgress| {
            if p.step != step {
                step = p.step;
                progress.start(&name, &format!("step {} of {}", p.step, p.steps));
            }
            progress.step(pixels, p.share)
        };
        let drawn = engine.draw(model, &photo, self.instruction, &self.options, &mut moved)?;
        warn(job, &drawn.report.notes, progress);
        match &drawn.answer {
            Answer::Picture(picture) => self.write_picture(job, picture, progress)?,
            Answer::Map(map) => {
                let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let encoded = map.files(&photo, &name(&job.input), &name(&job.output), &out.encoding())?;
                write_all_atomic(&beside.iter().cloned().zip(encoded).collect::<Vec<_>>(), out.overwrite)?;
            }
        }
        if args.explain {
            drawn.report.explain.iter().for_each(|line| progress.log(&format!("understood: {line}")));
        }
        let r = &drawn.report;
        let more: Vec<String> = beside[1..].iter().map(|f| f.display().to_string()).collect();
        let more = if more.is_empty() { String::new() } else { format!(" (and {})", more.join(", ")) };
        let line = format!(
            "{} -> {}{more}: {}x{}, {} steps{} in {:.2} s, seed {}, {}, {}",
            job.input.display(),
            job.output.display(),
            size.0,
            size.1,
            r.steps,
            if r.tiles == 1 { String::new() } else { format!(" for each of {} tiles", r.tiles) },
            r.seconds,
            self.options.seed,
            r.precision,
            r.adapter
        );
        let facts = json!({
            "file": named(&job.input), "outputs": beside.iter().map(|f| named(f)).collect::<Vec<_>>(), "width": size.0, "height": size.1, "tiles": r.tiles,
            "steps": r.steps, "seed": self.options.seed, "work_seconds": rounded(r.seconds), "precision": r.precision,
        });
        progress.done(&line, facts);
        Ok(())
    }

    fn write_picture(&self, job: &Job, picture: &Picture, progress: &Progress) -> Result<()> {
        let out = &self.args.output_args;
        let encoded = crate::encode(picture, Format::from_path(&job.output)?, &out.encoding())?;
        warn(job, &encoded.warnings, progress);
        write_atomic(&job.output, &encoded.bytes, out.overwrite)
    }
}

/// What maps have not is refused rather than left out silently.
fn refuse_for_maps(out: &OutputArgs, restore: &RestoreOptions, task: &DrawTask) -> Result<()> {
    let flag = match () {
        () if out.depth.is_some() => "--depth",
        () if out.format.is_some_and(|f| !matches!(f, FormatArg::Png)) => "--format",
        () if restore.strength < 1.0 => "--strength",
        () => return Ok(()),
    };
    Err(usage(format!("{flag} does not fit the task {}", task.name))
        .why("it answers with a map, whose file format is fixed and which is not mixed with the photograph")
        .advice(format!("leave {flag} out")))
}

/// The map's own file and those beside it: OUT.png, OUT.color.png, ...
fn files(output: &Path, kind: MapKind) -> Vec<PathBuf> {
    let beside = kind.beside().iter().map(|ending| output.with_extension(ending));
    std::iter::once(output.to_path_buf()).chain(beside).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_beside_take_the_place_of_the_ending() {
        let names: Vec<String> =
            files(Path::new("a/b.c.png"), MapKind::Labels).iter().map(|p| p.display().to_string()).collect();
        assert_eq!(names, ["a/b.c.png", "a/b.c.labels.png", "a/b.c.overlay.png", "a/b.c.json"]);
    }
}
