//! Floor 2: synthetic damage with a seed, one file per physical cause, so that anybody can measure a network on their
//! own clean photographs. Each kind follows its namesake in `tools/degrade.py`, with random numbers of its own: the
//! figures over some photographs agree, the damaged pictures are not the same bits.

mod drawing;
mod fields;
mod marks;
mod optics;
mod plane;
mod sensor;
mod weather;

use rand_pcg::Pcg64;

use crate::base::hash::fnv1a64;
use crate::base::{Error, Kind as Fault, Result};
use crate::image::Picture;
use plane::Canvas;

/// Where every kind draws its random numbers from.
type Rng = Pcg64;

/// Makes a canvas worse, by a level in the unit of its kind. Values are 0..255 and may overshoot.
type Apply = fn(&Canvas, &mut Rng, f32) -> Result<Canvas>;

/// One way to damage a clean picture, or to draw the target of a task that keeps its input.
pub struct Kind {
    pub name: &'static str,
    /// The task that undoes it, or draws it.
    pub task: &'static str,
    /// The usual range of the level.
    pub levels: (f32, f32),
    pub unit: &'static str,
    /// The clean picture is the input and what is made is the target.
    pub changes_target: bool,
    apply: Apply,
}

pub const KINDS: &[Kind] = &[
    damage("noise", "denoise", (5.0, 50.0), "standard deviation, of 255", sensor::gaussian_noise),
    damage("blur", "deblur", (0.8, 2.4), "Gaussian sigma in pixels", optics::gaussian_blur),
    damage("motion", "deblur", (5.0, 15.0), "length in pixels", optics::motion_blur),
    damage("jpeg", "dejpeg", (10.0, 40.0), "quality", optics::jpeg),
    damage("rain", "derain", (20.0, 100.0), "0 light, 100 heavy", weather::rain),
    damage("streaks", "derain", (20.0, 100.0), "0 light, 100 heavy", weather::streaks),
    damage("snow", "desnow", (20.0, 100.0), "0 light, 100 heavy", weather::snow),
    damage("haze", "dehaze", (20.0, 80.0), "0 light, 100 heavy", weather::haze),
    damage("fog", "dehaze", (20.0, 100.0), "0 light, 100 heavy", weather::fog),
    damage("lowlight", "lowlight", (15.0, 45.0), "percent of the light", sensor::low_light),
    damage("saltpepper", "despeckle", (2.0, 30.0), "percent of the pixels", sensor::salt_and_pepper),
    damage("scratches", "inpaint", (4.0, 16.0), "lines per 256x256 pixels", marks::scratches),
    drawing("edges", "edges", (1.0, 1.0), "smoothing in pixels", drawing::edges),
    drawing("pencil", "pencil", (4.0, 4.0), "stroke width in pixels", drawing::pencil),
];

/// How many times the strongest usual level may be asked for; far past it there is no picture left, and filters become so
/// wide that they never end.
const FARTHEST: f32 = 4.0;

const fn damage(name: &'static str, task: &'static str, levels: (f32, f32), unit: &'static str, apply: Apply) -> Kind {
    Kind { name, task, levels, unit, changes_target: false, apply }
}

const fn drawing(name: &'static str, task: &'static str, levels: (f32, f32), unit: &'static str, apply: Apply) -> Kind {
    Kind { name, task, levels, unit, changes_target: true, apply }
}

/// A kind with its level, such as `noise=25`; without a level one is drawn from the usual range for every picture.
#[derive(Clone, Copy)]
pub struct Degradation {
    pub kind: &'static Kind,
    pub level: Option<f32>,
}

impl std::fmt::Debug for Degradation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.label())
    }
}

impl Degradation {
    /// `noise=25`, or `noise` where the level is drawn.
    pub fn label(&self) -> String {
        self.level.map_or(self.kind.name.to_owned(), |level| format!("{}={level}", self.kind.name))
    }

    /// Reads `noise=25,jpeg=20,rain`. `blur=gaussian` and `blur=motion` name the two blurs.
    ///
    /// # Errors
    /// [`Fault::Usage`] for an unknown kind or a level that is no positive number.
    pub fn parse(text: &str) -> Result<Vec<Degradation>> {
        text.split(',').map(|item| Degradation::one(item.trim())).collect()
    }

    fn one(item: &str) -> Result<Degradation> {
        let (name, level) = match item.split_once('=') {
            Some(("blur", "gaussian")) => ("blur", None),
            Some(("blur", "motion")) => ("motion", None),
            Some((name, level)) => (name, Some(level)),
            None => (item, None),
        };
        let kind = KINDS.iter().find(|k| k.name == name).ok_or_else(|| {
            Error::new(Fault::Usage, format!("there is no degradation {name}"))
                .advice(format!("known: {}", KINDS.iter().map(|k| k.name).collect::<Vec<_>>().join(", ")))
        })?;
        let level = level.map(|text| {
            let most = FARTHEST * kind.levels.1;
            text.parse().ok().filter(|v: &f32| *v > 0.0 && *v <= most).ok_or_else(|| {
                Error::new(Fault::Usage, format!("`{text}` is no level of {name}")).why(format!(
                    "it is a positive number up to {most}: {}, usually {} to {}",
                    kind.unit, kind.levels.0, kind.levels.1
                ))
            })
        });
        Ok(Degradation { kind, level: level.transpose()? })
    }

    /// The picture with 8 bits a sample that this makes of `clean`. The random stream depends on the seed and the name
    /// alone, so every kind of every picture can be made again, whatever else is asked for.
    ///
    /// # Errors
    /// [`Fault::Other`] if a codec refuses the picture.
    pub fn apply(&self, clean: &Picture, seed: u64, name: &str) -> Result<Picture> {
        let mut rng = Pcg64::new(u128::from(seed), u128::from(fnv1a64(name.as_bytes())));
        let (low, high) = self.kind.levels;
        let drawn = fields::uniform(&mut rng, low, high);
        let made = (self.kind.apply)(&Canvas::of(clean), &mut rng, self.level.unwrap_or(drawn))?;
        Ok(Picture::from_rgb(clean.width, clean.height, made.quantised()))
    }
}

#[cfg(test)]
mod tests;
