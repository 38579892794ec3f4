//! Which pictures are restored, and where they go.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::args::usage;
use super::restore::OutputArgs;
use crate::api::folder::{Folder, within};
use crate::base::file::free;
use crate::{Error, Format, Kind, Limits, Picture, Result, decode_file, decode_stream, writable, write_atomic};

/// The standard input or output.
const STREAM: &str = "-";

/// One picture to restore.
pub(super) struct Job {
    pub(super) input: PathBuf,
    pub(super) output: PathBuf,
    /// The user named the output, which is then not renamed.
    pub(super) named: bool,
}

impl Job {
    pub(super) fn to_stream(&self) -> bool {
        self.output.as_os_str() == STREAM
    }

    /// Its input can be read once.
    pub(super) fn reads_stream(&self) -> bool {
        self.input.as_os_str() == STREAM
    }

    pub(super) fn read(&self) -> Result<Picture> {
        if !self.reads_stream() {
            return decode_file(&self.input, &Limits::default());
        }
        decode_stream(std::io::stdin().lock(), "the standard input", &Limits::default())
    }

    pub(super) fn format(&self, out: &OutputArgs) -> Result<Format> {
        match out.format {
            Some(format) if self.to_stream() => Ok(format.into()),
            None if self.to_stream() => Err(usage("nothing says which format the standard output is to have")
                .advice("add --format png, jpg, tiff or webp")),
            _ => Format::from_path(&self.output),
        }
    }

    /// Refuses a file of this job that must not be replaced or cannot be made. A dry run touches nothing, and directories
    /// that a run would make need not be there yet.
    pub(super) fn may_write(&self, file: &Path, overwrite: bool, dry_run: bool) -> Result<()> {
        match dry_run {
            false => writable(file, overwrite),
            true if self.named || file.exists() => free(file, overwrite),
            true => Ok(()),
        }
    }

    pub(super) fn write(&self, bytes: &[u8], overwrite: bool) -> Result<()> {
        if !self.to_stream() {
            return write_atomic(&self.output, bytes, overwrite);
        }
        let mut out = std::io::stdout().lock();
        let written = out.write_all(bytes).and_then(|()| out.flush());
        written.map_err(|e| Error::new(Kind::Output, "cannot write to the standard output").why(e))
    }
}

/// What is to be done.
pub(super) struct Found {
    pub(super) jobs: Vec<Job>,
    /// Files in directories that are not named like pictures.
    pub(super) strangers: Vec<PathBuf>,
}

/// Inputs with their outputs; directories are walked, their tree is kept.
pub(super) fn jobs(inputs: &[PathBuf], output: &Path, out: &OutputArgs, dry_run: bool) -> Result<Found> {
    let mut strangers = Vec::new();
    let mut found: Vec<(PathBuf, PathBuf)> = Vec::new();
    let mut directory = inputs.len() > 1 || output.is_dir() || ends_with_separator(output);
    for input in inputs {
        if input.is_dir() {
            directory = true;
            let folder = Folder::read(input, Some(output))?;
            strangers.extend(folder.strangers);
            found.extend(folder.pictures.into_iter().map(|picture| (picture.clone(), within(input, &picture))));
        } else {
            let name = input.file_name().map_or_else(|| input.clone(), PathBuf::from);
            found.push((input.clone(), name));
        }
    }
    if !directory {
        let one = |(input, _)| Job { input, output: output.to_path_buf(), named: true };
        let jobs: Vec<Job> = found.into_iter().map(one).collect();
        for job in jobs.iter().filter(|j| !j.to_stream()) {
            agree(&job.output, out)?;
        }
        return Ok(Found { jobs, strangers });
    }
    let names_a_file =
        output.is_file() || !(output.is_dir() || ends_with_separator(output) || Format::from_path(output).is_err());
    if names_a_file || output.as_os_str() == STREAM {
        return Err(usage(format!("{} is one file, but there may be several pictures", output.display()))
            .advice("name a directory with -o"));
    }
    let mut taken: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    let mut jobs = Vec::new();
    // A file named twice, or beside its folder, is one picture.
    let mut seen = BTreeSet::new();
    found.retain(|(input, _)| seen.insert(fs::canonicalize(input).unwrap_or_else(|_| input.clone())));
    for (input, relative) in found {
        if input.as_os_str() == STREAM {
            return Err(usage("the standard input has no name to give to its result")
                .advice("restore it alone, and name a file with -o"));
        }
        let mut output = output.join(relative);
        if let Some(format) = out.format {
            output.set_extension(Format::from(format).extension());
        }
        if let Some(other) = taken.insert(output.clone(), input.clone()) {
            return Err(usage(format!("two pictures would be written to {}", output.display()))
                .why(format!("{} and {}", other.display(), input.display()))
                .advice("restore them into two directories"));
        }
        jobs.push(Job { input, output, named: false });
    }
    for parent in jobs.iter().filter(|_| !dry_run).filter_map(|job| job.output.parent()) {
        fs::create_dir_all(parent).map_err(|e| {
            Error::new(Kind::Output, format!("cannot create the directory {}", parent.display())).why(e)
        })?;
    }
    Ok(Found { jobs, strangers })
}

/// A named output and --format must say the same; an ending that names no format is left to whoever writes the file.
fn agree(output: &Path, out: &OutputArgs) -> Result<()> {
    match (out.format.map(Format::from), Format::from_path(output)) {
        (Some(asked), Ok(named)) if asked != named => {
            Err(usage(format!("--format {} contradicts {}", asked.extension(), output.display()))
                .why(format!("its ending says {}", named.name()))
                .advice("leave --format out, or change the ending"))
        }
        _ => Ok(()),
    }
}

fn ends_with_separator(path: &Path) -> bool {
    path.as_os_str().to_string_lossy().ends_with(['/', std::path::MAIN_SEPARATOR])
}
