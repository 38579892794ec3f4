//! Runs the program and makes its inputs.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What one run said.
pub struct Outcome {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Outcome {
    #[track_caller]
    pub fn fails_with(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.out, self.err);
        for word in words {
            assert!(self.err.contains(word), "`{word}` is not in: {}", self.err);
        }
        assert!(!self.err.contains("panicked"), "{}", self.err);
    }

    #[track_caller]
    pub fn succeeds(&self) {
        assert_eq!(self.code, 0, "stdout: {}\nstderr: {}", self.out, self.err);
    }
}

/// Runs `vernis` without touching the user's caches.
pub fn vernis(args: &[&str]) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vernis"));
    command.args(args).env("VERNIS_MODELS", "/nonexistent");
    let output = command.output().expect("the program starts");
    Outcome {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A scratch directory with paths as text.
pub struct Scratch(tempfile::TempDir);

impl Scratch {
    pub fn new() -> Self {
        Scratch(tempfile::tempdir().expect("a temporary directory"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    pub fn write(&self, name: &str, bytes: &[u8]) -> String {
        std::fs::write(self.path(name), bytes).expect("writable");
        self.text(name)
    }

    /// A smooth picture with seeded noise of about 25 levels, like a sensor's.
    pub fn picture(&self, name: &str, width: u32, height: u32) -> String {
        let mut state = 7u32;
        let mut uniform = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 16_777_216.0 - 0.5
        };
        // Four uniform numbers are nearly a normal one, of deviation 0.577.
        let mut noise = || 43.0 * (uniform() + uniform() + uniform() + uniform());
        let image = image::RgbImage::from_fn(width, height, |x, y| {
            let mut value = |base: u32| (base as f32 + noise()).clamp(0.0, 255.0) as u8;
            image::Rgb([value(x * 200 / width.max(1)), value(y * 200 / height.max(1)), value(128)])
        });
        image.save(self.path(name)).expect("writable");
        self.text(name)
    }

    pub fn names(&self) -> Vec<String> {
        list(self.0.path())
    }
}

pub fn list(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .expect("readable")
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
