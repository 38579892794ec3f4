//! GroupNorm (Wu and He 2018) with given statistics, then an activation. Padding lanes come out as zeros because their
//! weight and bias are zero.
//! axis DTYPE f32 f16
#import shared/dtype
#import shared/index
#import shared/activation
#import norm/group_index

struct Params {
    total: u32,
    // Quads of one pixel and of one image.
    quads: u32,
    image: u32,
    groups: u32,
    per: u32,
    first: u32,
    first4: u32,
}
#params

@group(0) @binding(1) var<storage, read> x: array<Store>;              // [n, h, w, quads]
@group(0) @binding(2) var<storage, read> stats: array<vec4<f32>>;      // [n, groups]: mean, 1 / deviation
@group(0) @binding(3) var<storage, read> weight: array<vec4<f32>>;     // [quads], zero in padding lanes
@group(0) @binding(4) var<storage, read> bias: array<vec4<f32>>;       // [quads], zero in padding lanes
@group(0) @binding(5) var<storage, read_write> y: array<Store>;        // [n, h, w, quads]

override ACTIVATION: u32 = 0u;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear(group, groups) * 64u + local;
    if i >= p.total { return; }
    let quad = i % p.quads;
    let base = i / p.image * p.groups;
    #repeat L 0 4
    let s$L = stats[base + min(channel_of(4u * quad + $(L)u, p.first, p.first4) / p.per, p.groups - 1u)];
    #end
    let mean = vec4<f32>(s0.x, s1.x, s2.x, s3.x);
    let scale = vec4<f32>(s0.y, s1.y, s2.y, s3.y) * weight[quad];
    y[i] = pack(activate((unpack(x[i]) - mean) * scale + bias[quad], ACTIVATION));
}
