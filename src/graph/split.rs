//! Cuts matrices that exceed one binding into parts of whole panels; the contraction becomes one dispatch a part. What
//! cannot be cut (adapted matrices, whose panels also hold low-rank rows or are merged on the device) is refused.

use super::{Graph, fuse};
use crate::base::{Error, Kind, Result};
use crate::checkpoint::prepack::{Pack, Panels, panel_bytes};
use crate::ops::Op;

/// Rewrites every contraction whose matrix is larger than the device binds.
pub fn split(graph: &mut Graph) -> Result<()> {
    let limit = graph.target.max_binding_bytes;
    let panels = Panels { plain: graph.target.panel_quads(false), gated: graph.target.panel_quads(true) };
    let mut any = false;
    for i in 0..graph.nodes.len() {
        let Some(Pack::Matrix(m)) = graph.nodes[i].params.first().map(|p| graph.params[p.0 as usize].clone()) else {
            continue;
        };
        let bytes = Pack::Matrix(m.clone()).bytes(panels, graph.precision);
        if bytes <= limit || !matches!(graph.nodes[i].op, Op::Contract(_)) {
            continue;
        }
        let one = panel_bytes(&m, panels, graph.precision).max(1);
        let (step, all) = ((limit / one) as u32, (bytes / one) as u32);
        if step == 0 {
            return Err(Error::new(Kind::Memory, format!("the weight {} needs {one} bytes in one binding", m.weight))
                .why(format!("the device binds at most {limit} bytes"))
                .advice("use another --device, or --precision f16"));
        }
        let rest = graph.nodes[i].params[1..].to_vec();
        let mut params = Vec::new();
        for first in (0..all).step_by(step as usize) {
            params.push(graph.param(Pack::Part { matrix: m.clone(), first, count: step.min(all - first) }));
        }
        params.extend(rest);
        let node = &mut graph.nodes[i];
        node.params = params;
        if let Op::Contract(c) = &mut node.op {
            c.part = Some(step);
        }
        any = true;
    }
    if any {
        fuse::prune(graph);
    }
    for pack in &graph.params {
        let bytes = pack.bytes(panels, graph.precision);
        if bytes > limit {
            return Err(Error::new(
                Kind::Memory,
                format!("the weight {} needs {bytes} bytes in one binding", pack.name()),
            )
            .why(format!("the device binds at most {limit} bytes, and {}", what(pack)))
            .advice("use another --device, or --precision f16"));
        }
    }
    Ok(())
}

/// Why a weight stays whole.
fn what(pack: &Pack) -> &'static str {
    match pack {
        Pack::Addition(_) => "a weight with task adapters is not cut into parts",
        _ => "only the matrices of contractions are cut into parts",
    }
}
