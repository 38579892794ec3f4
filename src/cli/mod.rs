//! The command line: one file a subcommand. What restores goes through the public interface; what inspects and measures
//! (`bench`, `doctor`, `info`, `tasks`, `verify`) looks below it.

mod args;
mod bench;
mod completions;
mod convert;
mod devices;
mod doctor;
mod draw;
mod eval;
mod info;
mod jobs;
mod progress;
mod prompt;
mod restore;
mod show;
mod tasks;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::base::caught::catching;
use crate::{Error, Kind};

/// Restores photographs on any Vulkan, Metal or DX12 device.
#[derive(Debug, Parser)]
#[command(name = "vernis", version, about, propagate_version = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  vernis restore noisy.png -o clean.png --task denoise
  vernis restore holiday/ -o restored/ --task dehaze --strength 0.8
  vernis restore old.jpg -o new.png --prompt-pair before.png after.png
  vernis restore wet.png -o dry.png --model restormer.pth --protocol official
  vernis convert official.pth -o official.safetensors --license MIT
  vernis tasks

Exit codes:
   0 all done                 7 result refused by the output guard
   1 other failure            8 picture unreadable
   2 usage                    9 checkpoint damaged or unfit
   3 some files failed       10 output not writable
   4 no usable device        11 picture too large
   5 does not fit in memory  12 device failed
   6 model missing          130 cancelled";

#[derive(Debug, Subcommand)]
enum Command {
    /// Restore pictures, or draw maps of them.
    #[command(after_help = draw::HELP)]
    Restore(restore::RestoreArgs),
    /// Encode an example pair once and store what it says.
    Prompt(prompt::PromptArgs),
    /// List what can be asked for, and which weights do it.
    Tasks(tasks::TasksArgs),
    /// Describe a checkpoint.
    Info(info::InfoArgs),
    /// Turn an official checkpoint into safetensors that say what they are.
    Convert(convert::ConvertArgs),
    /// List the adapters of this machine.
    Devices(devices::DevicesArgs),
    /// Check that a device and its driver compute what they should.
    Doctor(doctor::DoctorArgs),
    /// Run conformance cases against the outputs of the official code.
    Verify(verify::VerifyArgs),
    /// Measure how well a model restores your own pictures.
    Eval(eval::EvalArgs),
    /// Measure how fast this device is.
    Bench(bench::BenchArgs),
    /// Print a script that teaches a shell the program's words.
    Completions(completions::CompletionsArgs),
}

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    forgive_stdout();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => return refuse(&e),
    };
    let result = match cli.command {
        Command::Restore(args) => restore::run(&args),
        Command::Prompt(args) => prompt::run(&args),
        Command::Tasks(args) => tasks::run(&args),
        Command::Info(args) => info::run(&args),
        Command::Convert(args) => convert::run(&args),
        Command::Devices(args) => devices::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Completions(args) => completions::run(&args),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(e) => {
            complain(&e);
            ExitCode::from(e.kind().exit_code())
        }
    }
}

/// Help and versions are printed; a line that cannot be understood is told in the way that it asks for.
fn refuse(e: &clap::Error) -> ExitCode {
    if e.use_stderr() && progress::asks_for_events(std::env::args_os()) {
        let text = e.render().to_string();
        let what = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        progress::error_event(&Error::new(Kind::Usage, what).advice("`vernis --help` lists what there is"));
        return ExitCode::from(Kind::Usage.exit_code());
    }
    e.exit()
}

/// A reader that left (`vernis tasks | head -1`) or a full disk behind stdout is no bug of the program, but the print
/// macros panic: these ends are put into order here, once for all of them. Panics that are caught print nothing.
fn forgive_stdout() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if catching() {
            return;
        }
        let text = panic.payload().downcast_ref::<String>().map_or("", String::as_str);
        let Some(why) = text.strip_prefix("failed printing to stdout: ") else { return usual(panic) };
        if why.contains("Broken pipe") || why.contains("os error 232") {
            // As a process ends that is killed by SIGPIPE.
            std::process::exit(141);
        }
        complain(&Error::new(Kind::Output, "cannot write to the standard output").why(why));
        std::process::exit(Kind::Output.exit_code().into());
    }));
}

/// One line what, one line why, one line what to do, on stderr.
fn complain(e: &Error) {
    eprintln!("error: {}", e.what());
    if !e.reason().is_empty() {
        eprintln!("  why: {}", e.reason());
    }
    if !e.what_to_do().is_empty() {
        eprintln!("  try: {}", e.what_to_do());
    }
}
