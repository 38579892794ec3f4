//! One picture within what the device has left: a plan that fits the budget may not fit beside other programs.

use super::engine::{Engine, Model};
use super::options::RestoreOptions;
use crate::base::{DType, Error, Kind, Result};
use crate::image::Picture;
use crate::models::Protocol;
use crate::run;
use crate::run::conditions::Conditioning;
use crate::run::tiling::{Layout, TileChoice};

/// Below this a device that is full is full: no tile is worth trying.
const LEAST_BUDGET: u64 = 16 << 20;

/// What is restored, and how.
pub(super) struct Attempt<'a> {
    pub picture: &'a Picture,
    pub condition: &'a Conditioning,
    pub precision: DType,
    pub protocol: Option<Protocol>,
    pub options: &'a RestoreOptions,
}

impl Engine {
    /// Restores, with smaller tiles where the device turns out to be full and the tile was not chosen by the user.
    pub(super) fn attempt(
        &self,
        model: &mut Model,
        job: &Attempt<'_>,
        notes: &mut Vec<String>,
        progress: &mut dyn FnMut(f32) -> bool,
    ) -> Result<(Layout, Picture)> {
        let mut options = job.options.clone();
        let size = (job.picture.width, job.picture.height);
        loop {
            let layout = self.layout(model, size, job.condition, job.precision, (job.protocol, &options))?;
            let scale = model.inner.network().scale(&layout.key.part.extra);
            if scale > 1 && options.strength < 1.0 {
                return Err(Error::new(Kind::Usage, "a strength makes no sense here")
                    .why(format!("the result is {scale} times as large as the picture, so they cannot be mixed"))
                    .advice("leave --strength out"));
            }
            let network = &mut model.inner;
            match run::restore::restore(network, self.gpu(), job.picture, job.condition, &layout, notes, progress) {
                Ok(restored) => {
                    notes.extend(changed_tile(options.tile, &layout));
                    return Ok((layout, restored));
                }
                Err(e) if e.kind() == Kind::Memory && options.tile == TileChoice::Auto => {
                    options.memory_budget = layout.peak_bytes() / 2;
                    if options.memory_budget < LEAST_BUDGET {
                        return Err(e);
                    }
                    notes.push(format!("{e}; tried again with {} MiB", options.memory_budget >> 20));
                }
                Err(e) => return Err(e),
            }
        }
    }
}

/// Says that a chosen tile could not be taken as it is; `None` where it was, or where the picture is smaller.
fn changed_tile(choice: TileChoice, layout: &Layout) -> Option<String> {
    let TileChoice::Edge(asked) = choice else { return None };
    let ((w, h), (pw, ph)) = (layout.tile(), layout.padded);
    let taken = w.max(h);
    let cut = taken < pw.max(ph);
    (cut && taken != asked).then(|| format!("tiles of {taken} pixels: the network takes no tiles of {asked}"))
}
