//! Writing files so that a half written one never has the final name.

use super::{Error, Kind, Result};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tempfile::NamedTempFile;

/// Held while files get their names, and by whoever ends the process from outside.
static WRITING: Mutex<()> = Mutex::new(());

/// Folders of [`scratch_beside`] that are in use.
static SCRATCH: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Waits until no file is being written and lets none be begun: the process can then end without leaving a half one.
pub fn hold_writes() -> MutexGuard<'static, ()> {
    WRITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the process with `code` from another thread than the one that works, after a last word, leaving neither half files
/// nor scratch folders.
pub fn end_process(code: i32, last: impl FnOnce()) -> ! {
    let _held = hold_writes();
    last();
    for folder in SCRATCH.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        let _ = fs::remove_dir_all(folder);
    }
    std::process::exit(code)
}

fn cannot(path: &Path, why: impl std::fmt::Display) -> Error {
    Error::new(Kind::Output, format!("cannot write {}", path.display())).why(why)
}

/// Writes `bytes` beside `path`, makes sure that they are on the disk, and renames. What was at `path` before stays
/// until that moment, and stays for good unless `overwrite`.
pub fn write_atomic(path: impl AsRef<Path>, bytes: &[u8], overwrite: bool) -> Result<()> {
    write_all_atomic(&[(path.as_ref().to_path_buf(), bytes)], overwrite)
}

/// [`write_atomic`] for a file too large to be held: `write` puts it out piece by piece.
pub fn write_atomic_with(path: &Path, overwrite: bool, write: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let _held = hold_writes();
    let target = target(path, overwrite)?;
    let mut out = BufWriter::with_capacity(1 << 20, temporary(path, &target)?);
    write(&mut out)?;
    let file = out.into_inner().map_err(|e| unwritten(path, e.error()))?;
    file.as_file().sync_all().map_err(|e| unwritten(path, &e))?;
    named(path, &target, file, overwrite)?;
    sync_folders([parent(&target)]);
    Ok(())
}

/// [`write_atomic`] for files that belong together: all of them get their names, or none does and what was there before
/// is there again.
pub fn write_all_atomic(files: &[(PathBuf, impl AsRef<[u8]>)], overwrite: bool) -> Result<()> {
    let _held = hold_writes();
    let mut ready = Vec::with_capacity(files.len());
    for (path, bytes) in files {
        let target = target(path, overwrite)?;
        let mut file = temporary(path, &target)?;
        let written = file.write_all(bytes.as_ref()).and_then(|()| file.as_file().sync_all());
        written.map_err(|e| unwritten(path, &e))?;
        ready.push((path, target, file));
    }
    let last = ready.len().saturating_sub(1);
    let mut placed: Vec<Placed> = Vec::with_capacity(ready.len());
    for (i, (path, target, file)) in ready.into_iter().enumerate() {
        // Nothing can fail after the last one, so it needs no way back.
        let before = if overwrite && i < last { kept(&target) } else { Ok(None) };
        let before = before.map_err(|e| cannot(path, e));
        match before.and_then(|before| named(path, &target, file, overwrite).map(|()| before)) {
            Ok(before) => placed.push(Placed { target, before }),
            Err(e) => {
                placed.into_iter().for_each(Placed::take_back);
                return Err(e);
            }
        }
    }
    sync_folders(placed.iter().map(|p| parent(&p.target)).collect::<BTreeSet<_>>());
    Ok(())
}

/// Gives a whole file its name.
fn named(path: &Path, target: &Path, file: NamedTempFile, overwrite: bool) -> Result<()> {
    let done = if overwrite { file.persist(target) } else { file.persist_noclobber(target) };
    done.map(drop).map_err(|e| match e.error.kind() {
        std::io::ErrorKind::AlreadyExists => exists(path),
        _ => cannot(path, e.error),
    })
}

/// New names are safe once their directories are on the disk too; not every system can do this.
fn sync_folders<'a>(folders: impl IntoIterator<Item = &'a Path>) {
    for folder in folders {
        if let Ok(directory) = fs::File::open(folder) {
            let _ = directory.sync_all();
        }
    }
}

/// Bytes of a file for `path` that could not be put out.
pub fn unwritten(path: &Path, why: &std::io::Error) -> Error {
    cannot(path, why).advice("check the free space")
}

/// A file under its final name, with a second name of what it replaced.
struct Placed {
    target: PathBuf,
    before: Option<tempfile::TempPath>,
}

impl Placed {
    /// Best effort: the error that matters is the one that made this necessary.
    fn take_back(self) {
        let _ = match self.before {
            Some(before) => before.persist(&self.target).map_err(|e| e.error),
            None => fs::remove_file(&self.target),
        };
    }
}

/// Gives what is at `target` a second name beside it, which goes away with the result.
fn kept(target: &Path) -> std::io::Result<Option<tempfile::TempPath>> {
    if fs::symlink_metadata(target).is_err() {
        return Ok(None);
    }
    // Some file systems have no hard links.
    let link = |name: &Path| fs::hard_link(target, name).or_else(|_| fs::copy(target, name).map(drop));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".vernis-").suffix(".before");
    builder.make_in(parent(target), link).map(|file| Some(file.into_temp_path()))
}

/// The checks of [`write_atomic`] before the work is done, by making a temporary file in the same place.
pub fn writable(path: impl AsRef<Path>, overwrite: bool) -> Result<()> {
    let path = path.as_ref();
    temporary(path, &target(path, overwrite)?).map(drop)
}

/// The part of [`writable`] that touches nothing.
pub fn free(path: &Path, overwrite: bool) -> Result<()> {
    target(path, overwrite).map(drop)
}

/// An empty folder beside `path`, on its disk, gone with what is in it when dropped or by [`end_process`].
pub fn scratch_beside(path: impl AsRef<Path>) -> Result<Scratch> {
    let path = path.as_ref();
    let made = tempfile::tempdir_in(parent(path));
    let folder = made.map_err(|e| cannot(path, "no folder can be made beside it").why(e))?;
    SCRATCH.lock().unwrap_or_else(PoisonError::into_inner).push(folder.path().to_path_buf());
    Ok(Scratch(folder))
}

/// See [`scratch_beside`].
pub struct Scratch(tempfile::TempDir);

impl Scratch {
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        SCRATCH.lock().unwrap_or_else(PoisonError::into_inner).retain(|folder| folder != self.0.path());
    }
}

fn exists(path: &Path) -> Error {
    cannot(path, "the file exists").advice("allow it with --overwrite, or choose another name")
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    }
}

/// Where the bytes go: the file behind a link is replaced, not the link.
fn target(path: &Path, overwrite: bool) -> Result<PathBuf> {
    if path.file_name().is_none() || path.is_dir() {
        return Err(cannot(path, "it is a directory").advice("name a file"));
    }
    let folder = parent(path);
    match fs::metadata(folder) {
        Ok(about) if about.is_dir() => {}
        Ok(_) => return Err(cannot(path, format!("{} is not a directory", folder.display()))),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let why = format!("the directory {} does not exist", folder.display());
            return Err(cannot(path, why).advice("create it, or choose another place"));
        }
        Err(e) => return Err(cannot(path, e)),
    }
    if fs::metadata(path).is_ok_and(|about| !about.is_file()) {
        let advice = "name a file; `vernis restore -o -` writes to the standard output";
        return Err(cannot(path, "it is a device or a pipe, which a file would replace").advice(advice));
    }
    // A link that leads nowhere counts as a file too.
    if !overwrite && fs::symlink_metadata(path).is_ok() {
        return Err(exists(path));
    }
    Ok(fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf()))
}

fn temporary(path: &Path, target: &Path) -> Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".vernis-").suffix(".part");
    // Temporary files are private by default; the finished file has the rights of the one it replaces, or the usual.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(target).map_or(0o666, |about| about.permissions().mode() & 0o777);
        builder.permissions(fs::Permissions::from_mode(mode));
    }
    builder.tempfile_in(parent(target)).map_err(|e| {
        let why = format!("no file can be made in {}: {e}", parent(target).display());
        cannot(path, why).advice("choose a directory that you may write to")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn writes_refuses_and_overwrites() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ä b.png");
        write_atomic(&path, b"one", false).unwrap();
        let error = write_atomic(&path, b"two", false).unwrap_err();
        assert_eq!((error.kind(), fs::read(&path).unwrap().as_slice()), (Kind::Output, b"one".as_slice()));
        assert!(error.what_to_do().contains("--overwrite"));
        assert!(writable(&path, false).is_err());
        writable(&path, true).unwrap();
        write_atomic(&path, b"two", true).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(names(folder.path()).len(), 1, "nothing is left behind");
    }

    #[test]
    fn pieces_make_a_whole_file_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let io = |e: std::io::Error| unwritten(&path, &e);
        write_atomic_with(&path, false, |out| out.write_all(b"on").and_then(|()| out.write_all(b"e")).map_err(io))
            .unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        let stopped = |out: &mut dyn Write| {
            out.write_all(b"tw").map_err(io)?;
            Err(Error::new(Kind::Checkpoint, "a tensor cannot be converted"))
        };
        assert_eq!(write_atomic_with(&path, true, stopped).unwrap_err().kind(), Kind::Checkpoint);
        assert!(write_atomic_with(&path, false, |_| Ok(())).unwrap_err().to_string().contains("exists"));
        assert_eq!((fs::read(&path).unwrap().as_slice(), names(folder.path()).len()), (b"one".as_slice(), 1));
    }

    #[test]
    fn files_that_belong_together_come_all_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let both = |bytes: &'static [u8]| [(at("a"), bytes), (at("b"), bytes)];
        fs::write(at("b"), b"old").unwrap();
        let error = write_all_atomic(&both(b"new"), false).unwrap_err();
        assert_eq!((error.kind(), names(folder.path())), (Kind::Output, vec!["b".to_string()]));
        write_all_atomic(&both(b"one"), true).unwrap();
        // The second name of the list is met when the first is placed already: it is taken back.
        let twice = [(at("a"), b"two"), (at("c"), b"two"), (at("c"), b"two")];
        fs::remove_file(at("b")).unwrap();
        fs::remove_file(at("a")).unwrap();
        assert!(write_all_atomic(&twice, false).unwrap_err().to_string().contains("exists"));
        assert!(names(folder.path()).is_empty(), "{:?}", names(folder.path()));
    }

    #[test]
    fn what_was_replaced_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, b"old").unwrap();
        let before = kept(&path).unwrap();
        write_atomic(&path, b"new", true).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        Placed { target: path.clone(), before }.take_back();
        assert_eq!((fs::read(&path).unwrap().as_slice(), names(folder.path()).len()), (b"old".as_slice(), 1));
        assert!(kept(&folder.path().join("none")).unwrap().is_none());
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let device = folder.path().join("null");
        std::os::unix::fs::symlink("/dev/null", &device).unwrap();
        let error = write_atomic(&device, b"one", true).unwrap_err();
        assert!(error.kind() == Kind::Output && error.to_string().contains("device"), "{error}");
        assert!(fs::symlink_metadata(&device).unwrap().is_symlink() && writable(&device, true).is_err());
    }

    #[test]
    fn places_that_take_no_file_say_why() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, b"").unwrap();
        for (path, part) in [
            (folder.path().to_path_buf(), "it is a directory"),
            (folder.path().join("none/x.png"), "does not exist"),
            (file.join("x.png"), "not a directory"),
        ] {
            for error in [writable(&path, true).unwrap_err(), write_atomic(&path, b"x", true).unwrap_err()] {
                assert_eq!(error.kind(), Kind::Output);
                assert!(error.to_string().contains(part), "{error}");
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn rights_and_links_are_respected() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let mode = |p: &Path| fs::metadata(p).unwrap().permissions().mode() & 0o777;
        let (plain, usual) = (folder.path().join("plain"), folder.path().join("usual"));
        write_atomic(&plain, b"x", false).unwrap();
        fs::write(&usual, b"x").unwrap();
        assert_eq!(mode(&plain), mode(&usual));
        fs::set_permissions(&plain, fs::Permissions::from_mode(0o640)).unwrap();
        let link = folder.path().join("link");
        symlink(&plain, &link).unwrap();
        write_atomic(&link, b"new", true).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!((fs::read(&plain).unwrap().as_slice(), mode(&plain)), (b"new".as_slice(), 0o640));
        // Nobody may make files in /proc, not even the superuser.
        if Path::new("/proc/self").is_dir() {
            let error = writable("/proc/x.png", false).unwrap_err();
            assert!(error.to_string().contains("no file can be made"), "{error}");
        }
    }
}
