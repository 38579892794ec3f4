//! y = activation(x), element by element.
//! axis DTYPE f32 f16
#import shared/dtype
#import shared/index
#import shared/activation

struct Params {
    total: u32,
}
#params

@group(0) @binding(1) var<storage, read> x: array<Store>;         // [total]
@group(0) @binding(2) var<storage, read_write> y: array<Store>;   // [total]

override ACTIVATION: u32 = 0u;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear(group, groups) * 64u + local;
    if i < p.total { y[i] = pack(activate(unpack(x[i]), ACTIVATION)); }
}
