//! Channels of a, then channels of b. Segments are padded to whole quads, so this copies vectors.
//! axis DTYPE f32 f16
#import shared/dtype
#import shared/index

struct Params {
    total: u32,
    a_quads: u32,
    b_quads: u32,
}
#params

@group(0) @binding(1) var<storage, read> a: array<Store>;         // [rows, a_quads]
@group(0) @binding(2) var<storage, read> b: array<Store>;         // [rows, b_quads]
@group(0) @binding(3) var<storage, read_write> y: array<Store>;   // [rows, a_quads + b_quads]

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear(group, groups) * 64u + local;
    if i >= p.total { return; }
    let quads = p.a_quads + p.b_quads;
    let row = i / quads;
    let quad = i % quads;
    if quad < p.a_quads {
        y[i] = a[row * p.a_quads + quad];
    } else {
        y[i] = b[row * p.b_quads + quad - p.a_quads];
    }
}
