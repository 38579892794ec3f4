//! Weights of each image: y = base + sum_t s[t] delta[t] over the tasks t.
//! axis DTYPE f32 f16
#import shared/dtype
#import shared/index

struct Params {
    batch: u32,
    // vec4s of one set of weights, tasks, quads of the factors of one image.
    total: u32,
    terms: u32,
    s_quads: u32,
}
#params

@group(0) @binding(1) var<storage, read> base: array<Store>;      // [total]
@group(0) @binding(2) var<storage, read> delta: array<Store>;     // [terms, total]
@group(0) @binding(3) var<storage, read> s: array<Store>;         // [batch, s_quads]
@group(0) @binding(4) var<storage, read_write> y: array<Store>;   // [batch, total]

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = linear(group, groups) * 64u + local;
    if id >= p.batch * p.total { return; }
    let i = id % p.total;
    let image = id / p.total;
    var sum = unpack(base[i]);
    for (var t = 0u; t < p.terms; t++) {
        let factor = unpack(s[image * p.s_quads + t / 4u])[t % 4u];
        sum = fma(vec4<f32>(factor), unpack(delta[t * p.total + i]), sum);
    }
    y[id] = pack(sum);
}
