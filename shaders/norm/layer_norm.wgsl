//! LayerNorm over the channels of each pixel. The variance is about the mean and biased; with CENTRE off the values
//! themselves are not centred (BiasFree). Accumulates in f32.
//! axis DTYPE f32 f16
//! axis WIDE 0 1
#import shared/dtype
#import shared/index
#import norm/params

@group(0) @binding(1) var<storage, read> x: array<Store>;            // [rows, quads]
@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>;   // [quads], zero in padding lanes
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;     // [quads], zero in padding lanes
@group(0) @binding(4) var<storage, read_write> y: array<Store>;      // [rows, quads]

#import norm/moments

override CENTRE: bool = true;
override WEIGHT: bool = true;
override BIAS: bool = true;

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
    if row >= p.rows { return; }
    let mean = found.x;
    let scale = inverseSqrt(found.y + p.eps);
    for (var i = local % SHARES; i < p.quads; i += SHARES) {
        var v = unpack(x[base + i]);
        if CENTRE { v -= mean; }
        v *= scale;
        if WEIGHT { v *= weight[i]; }
        if BIAS { v += bias[i]; }
        y[base + i] = pack(v);
    }
}
