//! Example pairs: a folder of pictures is told the same again and again, so the tokens of the last one are kept.

use super::engine::{Engine, Model};
use crate::base::{DType, Result};
use crate::image::Picture;
use crate::models::Protocol;
use crate::run::conditions::genlv::{Prompt, encode, unspoken};
use crate::run::official;

/// An example pair and what the prompt encoder made of it.
pub(super) struct Shown {
    before: Picture,
    after: Picture,
    precision: DType,
    fitted: bool,
    prompt: Prompt,
}

impl Engine {
    /// The tokens of a pair, brought to what the published program shows its network where one is followed. For a plan they
    /// are all zero, and nothing runs.
    pub(super) fn shown(
        &self,
        model: &mut Model,
        (before, after): (&Picture, &Picture),
        precision: DType,
        protocol: Option<Protocol>,
        planned: bool,
    ) -> Result<Prompt> {
        before.check().and_then(|()| after.check())?;
        let again = |s: &&Shown| {
            (s.precision, s.fitted) == (precision, protocol.is_some()) && s.before == *before && s.after == *after
        };
        if let Some(shown) = model.shown.as_ref().filter(again) {
            return Ok(shown.prompt.clone());
        }
        let fitted = |p: &Picture| protocol.map_or_else(|| Ok(p.clone()), |protocol| official::before(p, &protocol));
        let (one, two) = (fitted(before)?, fitted(after)?);
        if planned {
            return unspoken(&model.inner, &self.gpu, precision, &one, &two);
        }
        let prompt = encode(&mut model.inner, &self.gpu, precision, &one, &two)?;
        let (before, after) = (before.clone(), after.clone());
        let shown = Shown { before, after, precision, fitted: protocol.is_some(), prompt };
        Ok(model.shown.insert(shown).prompt.clone())
    }
}
