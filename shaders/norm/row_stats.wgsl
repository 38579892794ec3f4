//! Mean and 1 / sqrt(variance + eps) over the channels of each pixel: the half of a LayerNorm that a contraction cannot
//! fold into its matrix. PAIRS: the row's two quads a load, at most so many pairs of them (held.wgsl).
//! axis DTYPE f32 f16
//! axis WIDE 0 1
//! axis PAIRS 0 6 12
//! skip WIDE 0 PAIRS 6
//! skip WIDE 0 PAIRS 12
#import shared/dtype
#import shared/index
#import norm/params

#if PAIRS == 0
@group(0) @binding(1) var<storage, read> x: array<Store>;              // [rows, quads]
#else
@group(0) @binding(1) var<storage, read> x: array<Pair>;               // [rows, quads / 2]
#endif
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;    // [rows]: mean, 1 / deviation, 0, 0

#if PAIRS == 0
#import norm/moments
#else
#import norm/held
const SHARES = 1u;

fn moments(base: u32, local: u32) -> vec2<f32> {
    let row = held(base);
    return vec2<f32>(row.mean, row.variance);
}
#endif

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
