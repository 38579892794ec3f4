//! y = x * feature * (1 + prompt * scale) + prompt * shift: how a prompt vector enters features. Scale and shift have
//! one value per image and channel, feature and prompt are two numbers.
//! axis DTYPE f32 f16
#import shared/dtype
#import shared/index

struct Params {
    total: u32,
    // Quads of one pixel and of one image.
    quads: u32,
    image: u32,
    feature: f32,
    prompt: f32,
}
#params

@group(0) @binding(1) var<storage, read> x: array<Store>;         // [n, h, w, quads]
@group(0) @binding(2) var<storage, read> v: array<Store>;         // [n, quads of scale, quads of shift]
@group(0) @binding(3) var<storage, read_write> y: array<Store>;   // [n, h, w, quads]

override SCALE: bool = false;
override SHIFT: bool = false;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear(group, groups) * 64u + local;
    if i >= p.total { return; }
    let at = i / p.image * p.quads * (u32(SCALE) + u32(SHIFT)) + i % p.quads;
    var value = unpack(x[i]) * p.feature;
    if SCALE { value *= 1.0 + p.prompt * unpack(v[at]); }
    if SHIFT { value += p.prompt * unpack(v[at + u32(SCALE) * p.quads]); }
    y[i] = pack(value);
}
