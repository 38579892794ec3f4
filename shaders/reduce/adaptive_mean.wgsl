//! AdaptiveAvgPool2d: output bin i covers input pixels floor(i * in / out) to ceil((i + 1) * in / out), so bins overlap
//! where out does not divide in, and repeat where out is larger. A workgroup sums one bin of 8 quads,
//! 8 invocations each.
//! axis DTYPE f32 f16
#import shared/dtype
#import shared/index

struct Params {
    batch: u32,
    in_h: u32,
    in_w: u32,
    out_h: u32,
    out_w: u32,
    quads: u32,
}
#params

@group(0) @binding(1) var<storage, read> x: array<Store>;         // [batch, in_h, in_w, quads]
@group(0) @binding(2) var<storage, read_write> y: array<Store>;   // [batch, out_h, out_w, quads]

var<workgroup> partial: array<vec4<f32>, 64>; // [8 shares, 8 quads]

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = linear(group, groups);
    let blocks = (p.quads + 7u) / 8u;
    let quad = id % blocks * 8u + local % 8u;
    let column = min(quad, p.quads - 1u);
    let ox = id / blocks % p.out_w;
    let oy = id / blocks / p.out_w % p.out_h;
    let image = id / blocks / p.out_w / p.out_h;
    if image >= p.batch { return; }
    let top = oy * p.in_h / p.out_h;
    let left = ox * p.in_w / p.out_w;
    let height = ((oy + 1u) * p.in_h + p.out_h - 1u) / p.out_h - top;
    let width = ((ox + 1u) * p.in_w + p.out_w - 1u) / p.out_w - left;
    let count = height * width;
    var sum = vec4<f32>(0.0);
    for (var i = local / 8u; i < count; i += 8u) {
        let pixel = (image * p.in_h + top + i / width) * p.in_w + left + i % width;
        sum += unpack(x[pixel * p.quads + column]);
    }
    partial[local] = sum;
    workgroupBarrier();
    if local >= 8u || quad >= p.quads { return; }
    sum = vec4<f32>(0.0);
    for (var share = 0u; share < 8u; share++) { sum += partial[share * 8u + local]; }
    y[((image * p.out_h + oy) * p.out_w + ox) * p.quads + quad] = pack(sum / f32(count));
}
