//! How well a model restores: pictures with their targets, and the figures that restoration papers report.

use std::path::{Path, PathBuf};

use super::folder::{Folder, within};
use crate::base::{Error, Kind, Result};
use crate::degrade::Degradation;
use crate::image::compare::{quantise8, ssim};
use crate::image::{Limits, Picture, decode_file};

/// An input with what should come out of it.
#[derive(Debug, Clone)]
pub struct Sample {
    /// What it is called in the figures.
    pub name: String,
    /// The damaged picture.
    pub input: Picture,
    /// The clean one, of the size that the network answers with.
    pub target: Picture,
}

/// Similarity of two pictures as files of 8 bits would hold them, over all samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// Signal to noise in dB; 100 for equal pictures.
    pub psnr: f64,
    /// Structural similarity, Gaussian window of 11x11, mean over the channels.
    pub ssim: f64,
}

/// PSNR and SSIM of a picture against its target.
///
/// # Errors
/// [`Kind::Image`] if the sizes differ.
pub fn compare(picture: &Picture, target: &Picture) -> Result<Figures> {
    picture.check().and_then(|()| target.check())?;
    if (picture.width, picture.height) != (target.width, target.height) {
        return Err(Error::new(Kind::Image, "a picture and its target differ in size")
            .why(format!("{}x{} and {}x{}", picture.width, picture.height, target.width, target.height)));
    }
    let eight = |p: &Picture| p.rgb.iter().map(|v| f32::from(quantise8(*v)) / 255.0).collect::<Vec<f32>>();
    let (a, b) = (eight(picture), eight(target));
    let psnr = crate::image::compare::psnr(&a, &b);
    let ssim = ssim(&a, &b, picture.width as usize, picture.height as usize, 3);
    Ok(Figures { psnr: if psnr.is_infinite() { 100.0 } else { psnr }, ssim })
}

/// The picture files of a directory and of those in it, by name, but for hidden ones.
///
/// # Errors
/// [`Kind::Image`] if there are none, or the directory cannot be read.
pub fn pictures(directory: &Path) -> Result<Vec<PathBuf>> {
    Ok(Folder::read(directory, None)?.pictures)
}

/// A clean photograph damaged on purpose: the damaged one and the clean one, or for a task that draws the clean one and
/// the drawing. Which random numbers are used depends on the seed and the file's name without its extension.
///
/// # Errors
/// Those of [`decode_file`].
pub fn degraded(clean: &Path, how: &Degradation, seed: u64) -> Result<Sample> {
    let picture = decode_file(clean, &Limits::default())?;
    let made = how.apply(&picture, seed, &stem(clean))?;
    let plain = Picture::from_rgb(picture.width, picture.height, picture.rgb);
    let (input, target) = if how.kind.changes_target { (plain, made) } else { (made, plain) };
    Ok(Sample { name: stem(clean), input, target })
}

/// The files of two directories that share a name from there on, whatever their extensions: (input, target).
///
/// # Errors
/// [`Kind::Image`] if an input has no target or the reverse; the message names it.
pub fn paired(inputs: &Path, targets: &Path) -> Result<Vec<(PathBuf, PathBuf)>> {
    let mut rest = pictures(targets)?;
    let whole = |target: &Path| within(targets, target);
    let bare = |target: &Path| within(targets, target).with_extension("");
    let mut named: Vec<(PathBuf, PathBuf)> = pictures(inputs)?.into_iter().map(|i| (within(inputs, &i), i)).collect();
    // Those that have it first: nobody else may take it away.
    named.sort_by_key(|(name, _)| !rest.iter().any(|t| whole(t) == *name));
    let mut pairs = Vec::new();
    for (name, input) in named {
        // The same name with the same ending before one with another.
        let same = rest.iter().position(|t| whole(t) == name);
        let Some(at) = same.or_else(|| rest.iter().position(|t| bare(t) == name.with_extension(""))) else {
            return Err(Error::new(Kind::Image, format!("{} has no target", input.display())).why(format!(
                "no file called {} in {}",
                name.with_extension("").display(),
                targets.display()
            )));
        };
        pairs.push((input, rest.remove(at)));
    }
    match rest.first() {
        None => {
            pairs.sort();
            Ok(pairs)
        }
        Some(left) => Err(Error::new(Kind::Image, format!("{} has no input", left.display()))),
    }
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
