//! Sliding mean of `size` pixels along one axis, then replicate-padded back to the input's length (the local average
//! pool of TLC: Chu et al. 2021, "Improving Image Restoration by Revisiting Global Information Aggregation"; run once
//! for each axis). An invocation slides along one line for one quad.
//! axis IN f32 f16
//! axis DTYPE f32 f16
#import shared/dtype
#import shared/index

struct Params {
    lines: u32,
    quads: u32,
    length: u32,
    size: u32,
    // Quads from one line to the next in a block of lines, lines of a block, quads between blocks and between pixels.
    line_step: u32,
    block: u32,
    block_step: u32,
    pixel_step: u32,
}
#params

#if IN == f16
@group(0) @binding(1) var<storage, read> x: array<vec2<u32>>;     // [n, h, w, quads]
fn load(i: u32) -> vec4<f32> { return vec4<f32>(unpack2x16float(x[i].x), unpack2x16float(x[i].y)); }
#else
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;     // [n, h, w, quads]
fn load(i: u32) -> vec4<f32> { return x[i]; }
#endif
@group(0) @binding(2) var<storage, read_write> y: array<Store>;   // [n, h, w, quads]

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = linear(group, groups) * 64u + local;
    let line = id / p.quads;
    if line >= p.lines { return; }
    let base = line / p.block * p.block_step + line % p.block * p.line_step + id % p.quads;
    let valid = p.length - p.size + 1u;
    let before = (p.length - valid) / 2u;
    var sum = vec4<f32>(0.0);
    for (var i = 0u; i < p.size; i++) { sum += load(base + i * p.pixel_step); }
    let share = 1.0 / f32(p.size);
    for (var i = 0u; i < p.length; i++) {
        if i > before && i - before < valid {
            let j = i - before;
            sum += load(base + (j + p.size - 1u) * p.pixel_step) - load(base + (j - 1u) * p.pixel_step);
        }
        y[base + i * p.pixel_step] = pack(sum * share);
    }
}
