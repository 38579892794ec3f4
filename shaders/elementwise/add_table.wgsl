//! y = x + a learned value for each pixel and channel, the same for every image (position and query embeddings).
//! axis DTYPE f32 f16
#import shared/dtype
#import shared/index

struct Params {
    total: u32,
    // vec4s of one image.
    image: u32,
}
#params

@group(0) @binding(1) var<storage, read> x: array<Store>;             // [n, pixels, quads]
@group(0) @binding(2) var<storage, read> learned: array<vec4<f32>>;   // [pixels, quads]
@group(0) @binding(3) var<storage, read_write> y: array<Store>;       // [n, pixels, quads]

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear(group, groups) * 64u + local;
    if i >= p.total { return; }
    y[i] = pack(unpack(x[i]) + learned[i % p.image]);
}
