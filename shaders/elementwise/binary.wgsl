//! y = a + b or a * b; b has the shape of a, or one value per image and channel.
//! axis DTYPE f32 f16
//! axis WIDE 0 1
#import shared/dtype
#import shared/index

struct Params {
    total: u32,
    // Quads of one pixel and of one image.
    quads: u32,
    image: u32,
}
#params

@group(0) @binding(1) var<storage, read> a: array<Store>;         // [n, h, w, quads]
@group(0) @binding(2) var<storage, read> b: array<Store>;         // [n, h, w, quads] or [n, 1, 1, quads]
@group(0) @binding(3) var<storage, read_write> y: array<Store>;   // [n, h, w, quads]

override MULTIPLY: bool = false;
override BROADCAST: bool = false;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear(group, groups) * 64u + local;
    if i >= p.total { return; }
    var j = i;
    if BROADCAST { j = i / p.image * p.quads + i % p.quads; }
    let u = unpack(a[i]);
    let v = unpack(b[j]);
    y[i] = pack(select(u + v, u * v, MULTIPLY));
}
