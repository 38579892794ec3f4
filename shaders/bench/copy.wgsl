//! y = x, one vec4 an invocation: the bandwidth a kernel can reach.
//! axis DTYPE f32
#import shared/index

struct Params {
    total: u32,
}
#params

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;         // [total]
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;   // [total]

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear(group, groups) * 64u + local;
    if i < p.total { y[i] = x[i]; }
}
