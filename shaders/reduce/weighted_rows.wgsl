//! y = factor * sum over rows k of w[k] * table[k]: a blend of stored vectors, one set of weights an image.
//! axis IN f32 f16
//! axis DTYPE f32 f16
#import shared/dtype
#import shared/index

struct Params {
    batch: u32,
    rows: u32,
    // Quads of one set of weights and of one vector.
    w_quads: u32,
    quads: u32,
    factor: f32,
}
#params

#if IN == f16
@group(0) @binding(1) var<storage, read> w: array<vec2<u32>>;          // [batch, w_quads]
fn weights(i: u32) -> vec4<f32> { return vec4<f32>(unpack2x16float(w[i].x), unpack2x16float(w[i].y)); }
#else
@group(0) @binding(1) var<storage, read> w: array<vec4<f32>>;          // [batch, w_quads]
fn weights(i: u32) -> vec4<f32> { return w[i]; }
#endif
@group(0) @binding(2) var<storage, read> table: array<vec4<f32>>;      // [rows, quads]
@group(0) @binding(3) var<storage, read_write> y: array<Store>;        // [batch, quads]

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear(group, groups) * 64u + local;
    let image = i / p.quads;
    if image >= p.batch { return; }
    var sum = vec4<f32>(0.0);
    for (var k = 0u; k < p.rows; k++) {
        sum += weights(image * p.w_quads + k / 4u)[k % 4u] * table[k * p.quads + i % p.quads];
    }
    y[i] = pack(sum * p.factor);
}
