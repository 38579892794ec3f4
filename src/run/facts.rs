//! What can be said of a checkpoint without a device.

use super::chop::Chop;
use super::model::Model;
use super::plan::PlanKey;
use crate::base::{DType, Result};
use crate::graph::lower::lower;
use crate::kernel::Target;
use crate::models::{MAIN, Part, TilePolicy};

/// Side of the square that work is counted on: close to a megapixel.
const SIDE: u32 = 1024;
/// Tokens of an example pair of 256x256, the published size.
const PROMPT_TOKENS: u32 = 1024;

/// Floating-point operations (a multiplication and an addition are two) for a megapixel of input, counted on a square of
/// about that size; `None` if the checkpoint is no network from picture to picture.
pub fn flops_per_megapixel(model: &Model) -> Result<Option<f64>> {
    let network = model.network();
    let Some(part) = network.parts().into_iter().find(|p| p.name == MAIN) else { return Ok(None) };
    let sizes = network.sizes();
    let fixed = sizes.tiles == TilePolicy::Fixed;
    let side = if fixed { sizes.least } else { SIDE.next_multiple_of(sizes.multiple) };
    let extra = if network.prompt_width() > 0 { vec![1, PROMPT_TOKENS] } else { part.extra };
    // No binding is too large for a count.
    let target = Target { max_binding_bytes: u64::MAX, ..Target::core() };
    let key = PlanKey { part: Part::main(1, side, side, extra), precision: DType::F32 };
    let graph = model.graph_for(&target, &key, &[])?;
    let picture = |list: &[(String, crate::kernel::TensorId)], name: &str| {
        list.iter().any(|(n, t)| n == name && matches!(graph.shape(*t).c.logical(), 1 | 3))
    };
    if !picture(&graph.inputs, "input")
        || !picture(&graph.outputs, "output")
        || graph.inputs.iter().any(|(n, _)| n == "time")
    {
        return Ok(None);
    }
    let flops = lower(&graph)?.1.flops as f64;
    let (runs, edge) = match fixed {
        true => (Chop::new(SIDE as usize, SIDE as usize, side as usize)?.tiles().len(), SIDE),
        false => (1, side),
    };
    Ok(Some(flops * runs as f64 * 1e6 / f64::from(edge * edge)))
}
