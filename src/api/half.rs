//! Whether storage in f16 is enough for a checkpoint: measured on a picture, then stated in the file's metadata.

use super::engine::{Engine, Model};
use super::evaluate::compare;
use super::instruction::Instruction;
use super::options::{Precision, RestoreOptions};
use crate::base::Result;
use crate::image::Picture;

/// Agreement in dB from which f16 is enough: errors of less than one step of 8 bits, hidden even below faint noise.
pub const HALF_ENOUGH: f64 = 50.0;

impl Engine {
    /// PSNR in dB between what `model` makes of a picture in f16 and in f32 storage, as pictures of 8 bits; 100 if they
    /// are equal. A result that is no picture in f16 agrees by 0 dB.
    ///
    /// # Errors
    /// Those of [`Engine::restore`] in f32.
    pub fn half_agreement(&self, model: &mut Model, picture: &Picture, instruction: &Instruction) -> Result<f64> {
        let mut restored = |precision| {
            let options = RestoreOptions { precision, ..RestoreOptions::default() };
            self.restore(model, picture, instruction, &options, &mut |_| true).map(|r| r.picture)
        };
        let full = restored(Precision::F32)?;
        match restored(Precision::F16) {
            Ok(half) => Ok(compare(&half, &full)?.psnr),
            Err(e) if e.kind() == crate::base::Kind::Guard => Ok(0.0),
            Err(e) => Err(e),
        }
    }
}
