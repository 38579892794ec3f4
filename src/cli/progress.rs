//! What a run tells while it works, on the standard error: a bar with ETA on a terminal, lines, or events for the program
//! that started this one.

use std::cell::{Cell, RefCell};
use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::base::error::shown;
use crate::base::file::end_process;
use crate::{Error, Kind};

/// How long a cancelled run may take to end in order.
const GRACE: Duration = Duration::from_millis(400);
/// The least time between two events of progress.
const PAUSE: Duration = Duration::from_millis(100);
/// Of the events; one that changes what is there gets the next number.
const VERSION: u32 = 1;

// What each means stands at the flag: help here would take `--help` a paragraph for every flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProgressArg {
    Auto,
    Plain,
    Json,
}

/// Exit code of a program that an interrupt ended.
const CANCELLED: i32 = 130;

/// For subcommands without progress: Ctrl-C ends them between two files.
pub fn end_on_interrupt() {
    let _ = ctrlc::set_handler(|| end_process(CANCELLED, || eprintln!("error: cancelled")));
}

/// Work is counted in pixels, so that the ETA holds over pictures of different sizes.
pub struct Progress {
    bar: ProgressBar,
    events: Option<Events>,
    quiet: bool,
    total: u64,
    done: u64,
    file: RefCell<String>,
    cancelled: Arc<AtomicBool>,
}

impl Progress {
    /// `quiet` leaves out everything but failures.
    pub fn new(pixels: u64, how: ProgressArg, quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|t| t != "dumb");
        let hidden = quiet || !terminal || how != ProgressArg::Auto;
        let bar = if hidden { ProgressBar::hidden() } else { ProgressBar::new(pixels) };
        let style = ProgressStyle::with_template("{bar:32} {percent:>3}% {msg} ETA {eta}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let cancelled = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&cancelled);
        let shown = bar.clone();
        let events = (how == ProgressArg::Json).then(Events::new);
        let told = events.is_some();
        // Ctrl-C, or a request to end, acts after the current submit. A driver that compiles cannot be asked to stop, so after a moment the
        // process ends by itself: between two files, never inside one.
        let _ = ctrlc::set_handler(move || {
            flag.store(true, Ordering::Relaxed);
            std::thread::sleep(GRACE);
            end_process(CANCELLED, || {
                shown.finish_and_clear();
                if told { error_event(&cancelled_error()) } else { eprintln!("error: cancelled") }
            })
        });
        Progress { bar, events, quiet, total: pixels, done: 0, file: RefCell::default(), cancelled }
    }

    /// The run begins; `facts` are for programs.
    pub fn begin(&self, line: &str, facts: Value) {
        match &self.events {
            Some(events) => events.tell("start", facts),
            None if self.quiet => {}
            None => eprintln!("{line}"),
        }
    }

    /// Work on a file begins, or goes on with another part of it.
    pub fn start(&self, file: &str, part: &str) {
        self.bar.set_message(if part.is_empty() { file.to_owned() } else { format!("{file}: {part}") });
        file.clone_into(&mut self.file.borrow_mut());
    }

    /// `share` of a picture of `pixels` is done; `false` if the user cancelled.
    pub fn step(&self, pixels: u64, share: f32) -> bool {
        let position = self.done + (pixels as f64 * f64::from(share)) as u64;
        self.bar.set_position(position);
        if let Some(events) = self.events.as_ref().filter(|e| e.due()) {
            let [share, all] = [f64::from(share), position as f64 / self.total.max(1) as f64].map(rounded);
            events.tell("progress", json!({"file": *self.file.borrow(), "share": share, "of_all": all}));
        }
        !self.cancelled.load(Ordering::Relaxed)
    }

    pub fn finish_one(&mut self, pixels: u64) {
        self.done += pixels;
        self.bar.set_position(self.done);
    }

    pub fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Something about a file that the user should know.
    pub fn note(&self, file: &Path, text: &str) {
        match &self.events {
            Some(events) => events.tell("note", json!({"file": named(file), "text": text})),
            None if self.quiet => {}
            None => self.line(&format!("note: {}: {text}", file.display())),
        }
    }

    /// Something that was asked for, said even if quiet.
    pub fn log(&self, text: &str) {
        match &self.events {
            Some(events) => events.tell("log", json!({"text": text})),
            None => self.line(text),
        }
    }

    /// A file is written; `facts` are for programs.
    pub fn done(&self, line: &str, facts: Value) {
        match &self.events {
            Some(events) => events.tell("done", facts),
            None if self.quiet => {}
            None => self.line(line),
        }
    }

    /// A file has its output already.
    pub fn skipped(&self, file: &Path) {
        match &self.events {
            Some(events) => events.tell("skipped", json!({"file": named(file)})),
            None if self.quiet => {}
            None => self.line(&format!("skipped {}: its output exists", file.display())),
        }
    }

    /// A file failed, and the run goes on.
    pub fn failed(&self, file: &Path, e: &Error) {
        match &self.events {
            Some(events) => {
                let mut facts = said(e);
                facts["file"] = json!(named(file));
                events.tell("failed", facts);
            }
            None => self.line(&format!("failed: {e}")),
        }
    }

    /// All files were tried.
    pub fn end(&self, files: usize, failed: usize) {
        self.finish();
        match &self.events {
            Some(events) => events.tell("end", json!({"files": files, "failed": failed})),
            None if failed > 0 && failed < files => eprintln!("{failed} of {files} pictures failed"),
            None => {}
        }
    }

    /// Prints a line without breaking the bar.
    fn line(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{}", shown(line)));
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// A path as events name it: JSON has no bytes that are no text.
pub fn named(path: &Path) -> String {
    path.display().to_string()
}

/// Whether a command line that cannot be understood asks for events.
pub fn asks_for_events(line: impl Iterator<Item = OsString>) -> bool {
    let line: Vec<OsString> = line.collect();
    line.iter().any(|arg| arg == "--progress=json") || line.windows(2).any(|args| args == ["--progress", "json"])
}

/// The whole run failed: the last event there is.
pub fn error_event(e: &Error) {
    print_event("error", said(e));
}

pub fn cancelled_error() -> Error {
    Error::new(Kind::Cancelled, "cancelled")
}

/// The sentences of an error, and the exit code of its class.
fn said(e: &Error) -> Value {
    json!({"what": e.what(), "why": e.reason(), "try": e.what_to_do(), "code": e.kind().exit_code()})
}

fn print_event(event: &str, facts: Value) {
    let mut all = json!({"event": event, "v": VERSION});
    if let (Value::Object(all), Value::Object(facts)) = (&mut all, facts) {
        all.extend(facts);
    }
    eprintln!("{all}");
}

/// Thousandths are enough.
pub fn rounded(v: f64) -> Value {
    json!((v * 1e3).round() / 1e3)
}

/// Events with the seconds since the first.
struct Events {
    begun: Instant,
    last: Cell<Option<Instant>>,
}

impl Events {
    fn new() -> Self {
        Events { begun: Instant::now(), last: Cell::new(None) }
    }

    /// Whether it is time for another event of progress.
    fn due(&self) -> bool {
        let now = Instant::now();
        let due = self.last.get().is_none_or(|last| now - last >= PAUSE);
        if due {
            self.last.set(Some(now));
        }
        due
    }

    fn tell(&self, event: &str, mut facts: Value) {
        facts["seconds"] = rounded(self.begun.elapsed().as_secs_f64());
        print_event(event, facts);
    }
}
