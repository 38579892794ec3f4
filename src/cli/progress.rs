//! A progress bar with ETA, on a terminal only.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::image::hold_writes;

/// How long a cancelled run may take to end in order.
const GRACE: Duration = Duration::from_millis(400);

/// Work is counted in pixels, so that the ETA holds over pictures of different sizes.
pub struct Progress {
    bar: ProgressBar,
    done: u64,
    cancelled: Arc<AtomicBool>,
}

impl Progress {
    pub fn new(pixels: u64, quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|t| t != "dumb");
        let bar = if quiet || !terminal { ProgressBar::hidden() } else { ProgressBar::new(pixels) };
        let style = ProgressStyle::with_template("{bar:32} {percent:>3}% {msg} ETA {eta}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let cancelled = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&cancelled);
        let shown = bar.clone();
        // Ctrl-C ends after the current submit. A driver that compiles cannot be asked to stop, so after a moment the
        // process ends by itself: between two files, never inside one.
        let _ = ctrlc::set_handler(move || {
            flag.store(true, Ordering::Relaxed);
            std::thread::sleep(GRACE);
            let _held = hold_writes();
            shown.finish_and_clear();
            eprintln!("error: cancelled");
            std::process::exit(130);
        });
        Progress { bar, done: 0, cancelled }
    }

    pub fn start(&self, name: &str) {
        self.bar.set_message(name.to_owned());
    }

    /// `share` of a picture of `pixels` is done; `false` if the user cancelled.
    pub fn step(&self, pixels: u64, share: f32) -> bool {
        self.bar.set_position(self.done + (pixels as f64 * f64::from(share)) as u64);
        !self.cancelled.load(Ordering::Relaxed)
    }

    pub fn finish_one(&mut self, pixels: u64) {
        self.done += pixels;
        self.bar.set_position(self.done);
    }

    pub fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Prints a line without breaking the bar.
    pub fn say(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
