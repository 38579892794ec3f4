//! A picture of the checkpoint, once for each image of the batch.
//! axis DTYPE f32 f16
#import shared/dtype
#import shared/index

struct Params {
    total: u32,
    // Quads of the picture.
    image: u32,
}
#params

@group(0) @binding(1) var<storage, read> x: array<Store>;         // [h, w, quads]
@group(0) @binding(2) var<storage, read_write> y: array<Store>;   // [n, h, w, quads]

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear(group, groups) * 64u + local;
    if i < p.total { y[i] = x[i % p.image]; }
}
