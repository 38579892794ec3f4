//! Channels `first` and on of the input, zero where it has none left: cuts and pads the channel axis, lane by lane, so
//! that neither end needs to lie at a whole quad.
//! axis DTYPE f32 f16
#import shared/dtype
#import shared/index

struct Params {
    total: u32,
    x_quads: u32,
    y_quads: u32,
    first: u32,
    // Output channels that the input has.
    count: u32,
}
#params

@group(0) @binding(1) var<storage, read> x: array<Store>;         // [rows, x_quads]
@group(0) @binding(2) var<storage, read_write> y: array<Store>;   // [rows, y_quads]

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear(group, groups) * 64u + local;
    if i >= p.total { return; }
    let row = i / p.y_quads * p.x_quads;
    let channel = i % p.y_quads * 4u;
    var v = vec4<f32>(0.0);
    for (var e = 0u; e < 4u; e++) {
        let c = p.first + channel + e;
        if channel + e < p.count { v[e] = unpack(x[row + c / 4u])[c % 4u]; }
    }
    y[i] = pack(v);
}
