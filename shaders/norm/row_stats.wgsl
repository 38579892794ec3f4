//! Mean and 1 / sqrt(variance + eps) over the channels of each pixel: the half of a LayerNorm that a contraction cannot
//! fold into its matrix.
//! axis DTYPE f32 f16
//! axis WIDE 0 1
#import shared/dtype
#import shared/index

struct Params {
    rows: u32,
    quads: u32,
    channels: f32,
    padding: f32,
    eps: f32,
}
#params

@group(0) @binding(1) var<storage, read> x: array<Store>;              // [rows, quads]
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;    // [rows]: mean, 1 / deviation, 0, 0

#import norm/moments

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let row = (linear(group, groups) * 64u + local) / SHARES;
    // Rows past the end repeat the last: all take part in the sums.
    let base = min(row, p.rows - 1u) * p.quads;
    let found = moments(base, local);
    if row >= p.rows || local % SHARES != 0u { return; }
    y[row] = vec4<f32>(found.x, inverseSqrt(found.y + p.eps), 0.0, 0.0);
}
