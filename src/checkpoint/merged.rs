//! An adapter that becomes part of the weights, for families that carry none beside them: `W + strength * B A`, computed
//! for those rows that are asked for, so that nothing is held twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::StateDict;
use super::adapters::{Adapters, Part, unfit};
use super::element::Element;
use super::entry::{Entry, Source};
use crate::base::Result;

/// `dict` with what `adapter` (see [`super::adapters::named`]) adds to its modules as the task `task`.
///
/// # Errors
/// [`crate::base::Kind::Checkpoint`] for a module that the checkpoint does not have, or of another shape.
pub fn merge(dict: &StateDict, task: &str, adapter: &StateDict) -> Result<StateDict> {
    let adapters = Adapters::read(adapter, vec![task.to_owned()], None)?;
    let mut entries = BTreeMap::clone(&dict.entries);
    for (module, (task_number, part)) in adapters.additions() {
        let key = format!("{module}.weight");
        let Part::Product(term) = part else {
            return Err(unfit(adapter, task, format!("{module} has a full delta")));
        };
        let base = entries
            .get(&key)
            .ok_or_else(|| unfit(adapter, task, format!("it adapts {module}, which {} does not have", dict.name())))?;
        let (a, b) = (&adapter.entries[&term.a], &adapter.entries[&term.b]);
        let rows = base.shape.first().copied().unwrap_or(0);
        let rank = term.rank as usize;
        if a.elements() * rows != base.elements() * rank || b.elements() != rows * rank {
            let shapes = format!("{:?} and {:?} for a weight of {:?}", a.shape, b.shape, base.shape);
            return Err(unfit(adapter, task, format!("the shapes of {module} do not fit: {shapes}")));
        }
        let factor = adapters.strength_of(*task_number, part);
        let (a, b) = (Box::new(a.clone()), Box::new(b.clone()));
        let source = Source::Product { base: Box::new(base.clone()), a, b, factor };
        let sum = Entry { element: Element::F32, shape: base.shape.clone(), source };
        entries.insert(key, sum);
    }
    Ok(StateDict { entries: Arc::new(entries), ..dict.clone() })
}
