//! Runs a graph with every tensor in a buffer of its own, poisoned before and guarded behind, so that an element that
//! is never written, a write past the end and a value read from beyond an operand all show.

use vernis::base::DType;
use vernis::checkpoint::StateDict;
use vernis::checkpoint::prepack::Panels;
use vernis::gpu::{Gpu, Program, WeightBuffers};
use vernis::graph::Graph;
use vernis::graph::lower::lower;
use vernis::kernel::{Commands, Slot, TensorId};

use super::layout;

/// Bytes behind every tensor.
const GUARD: usize = 256;
/// A NaN, read as one f32 or as two f16.
const POISON: [u8; 4] = 0x7fff_7fff_u32.to_le_bytes();

fn poison(bytes: usize) -> Vec<u8> {
    POISON.into_iter().cycle().take(bytes).collect()
}

/// Packs what `graph` reads from `dict`, with poison behind each buffer; the second value maps parameters to buffers.
pub fn weights(gpu: &Gpu, graph: &Graph, dict: &StateDict) -> Result<(WeightBuffers, Vec<usize>), String> {
    let mut buffers = WeightBuffers::default();
    let panels = Panels { plain: graph.target.panel_quads(false), gated: graph.target.panel_quads(true) };
    let mut index = Vec::new();
    for pack in &graph.params {
        let mut bytes = pack.pack(dict, panels, graph.precision).map_err(|e| e.to_string())?;
        bytes.extend(poison(64));
        index.push(buffers.push(gpu, pack.name(), &bytes).map_err(|e| e.to_string())?);
    }
    Ok((buffers, index))
}

/// Packs the values of an input, given in memory order, at the size its tensor has.
pub fn packed(graph: &Graph, t: TensorId, memory: &[f32]) -> Vec<u8> {
    let mut bytes = graph.info(t).storage.dtype(graph.precision).pack(memory);
    bytes.resize(graph.bytes(t) as usize, 0);
    bytes
}

/// Gives every tensor its own, larger slot.
fn spread(graph: &Graph, commands: &mut Commands) {
    for bytes in &mut commands.bytes_of {
        *bytes += GUARD as u64;
    }
    commands.slots = commands.bytes_of.iter().map(|b| Slot { bytes: *b }).collect();
    commands.slot_of = (0..graph.tensors.len()).map(Some).collect();
    // All of them are read back.
    commands.outputs = (0..graph.tensors.len() as u32).map(TensorId).collect();
}

/// Runs `graph` on `inputs` (memory order) and returns its outputs (memory order).
pub fn guarded(gpu: &Gpu, graph: &Graph, dict: &StateDict, inputs: &[Vec<f32>]) -> Result<Vec<Vec<f32>>, String> {
    let say = |e: vernis::base::Error| e.to_string();
    let (mut commands, _) = lower(graph).map_err(say)?;
    spread(graph, &mut commands);
    let (buffers, index) = weights(gpu, graph, dict)?;
    let mut program = Program::new(gpu, commands, &buffers, &index).map_err(say)?;
    for ((_, t), values) in graph.inputs.iter().zip(inputs) {
        let mut bytes = packed(graph, *t, values);
        bytes.extend(poison(GUARD));
        program.upload(gpu, *t, &bytes).map_err(say)?;
    }
    for node in &graph.nodes {
        program.upload(gpu, node.output, &poison(graph.bytes(node.output) as usize + GUARD)).map_err(say)?;
    }
    program.run(gpu, &mut |_| true).map_err(say)?;
    for node in &graph.nodes {
        let bytes = program.read(gpu, node.output).map_err(say)?;
        inspect(graph, node.output, &bytes).map_err(|why| format!("{} ({}): {why}", node.path, node.op.stem()))?;
    }
    graph.outputs.iter().map(|(_, t)| Ok(unpacked(graph, *t, &program.read(gpu, *t).map_err(say)?))).collect()
}

fn element_bytes(graph: &Graph, t: TensorId) -> usize {
    let info = graph.info(t);
    info.shape.elements() as usize * info.storage.dtype(graph.precision).size()
}

/// The values of a tensor as they were read back.
pub fn unpacked(graph: &Graph, t: TensorId, bytes: &[u8]) -> Vec<f32> {
    graph.info(t).storage.dtype(graph.precision).unpack(&bytes[..element_bytes(graph, t)])
}

/// Whether a tensor was written whole, nothing behind it was written, and its padding lanes are zero.
fn inspect(graph: &Graph, t: TensorId, bytes: &[u8]) -> Result<(), String> {
    let end = element_bytes(graph, t);
    if let Some(at) = untouched(&bytes[..end], graph.info(t).storage.dtype(graph.precision)) {
        return Err(format!("element {at} in memory was never written"));
    }
    if let Some(at) = overwritten(&bytes[end..]) {
        return Err(format!("{at} bytes behind the end of its output were written"));
    }
    let shape = graph.shape(t);
    let (_, dirty) = layout::from_memory(shape.n, shape.c.segments(), shape.h, shape.w, &unpacked(graph, t, bytes));
    dirty.map_or(Ok(()), |at| Err(format!("the padding lane at element {at} in memory is not zero")))
}

fn untouched(bytes: &[u8], dtype: DType) -> Option<usize> {
    bytes.chunks_exact(dtype.size()).position(|b| *b == POISON[..dtype.size()])
}

fn overwritten(guard: &[u8]) -> Option<usize> {
    guard.iter().zip(poison(guard.len())).position(|(g, p)| *g != p)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_and_a_write_past_the_end_are_found() {
        let mut bytes = poison(64);
        assert_eq!(overwritten(&bytes), None);
        bytes[40] ^= 1;
        assert_eq!(overwritten(&bytes), Some(40));
        let mut written = DType::F16.pack(&[1.0; 32]);
        assert_eq!(untouched(&written, DType::F16), None);
        written[20..24].copy_from_slice(&POISON);
        assert_eq!(untouched(&written, DType::F16), Some(10));
        assert_eq!(untouched(&written, DType::F32), Some(5));
    }
}
