//! AdaptiveAvgPool2d: output bin i covers input pixels floor(i * in / out) to ceil((i + 1) * in / out), so bins overlap
//! where out does not divide in, and repeat where out is larger. A workgroup sums one bin of one quad.
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

var<workgroup> partial: array<vec4<f32>, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = linear(group, groups);
    let quad = id % p.quads;
    let ox = id / p.quads % p.out_w;
    let oy = id / p.quads / p.out_w % p.out_h;
    let image = id / p.quads / p.out_w / p.out_h;
    if image >= p.batch { return; }
    let top = oy * p.in_h / p.out_h;
    let left = ox * p.in_w / p.out_w;
    let height = ((oy + 1u) * p.in_h + p.out_h - 1u) / p.out_h - top;
    let width = ((ox + 1u) * p.in_w + p.out_w - 1u) / p.out_w - left;
    let count = height * width;
    var sum = vec4<f32>(0.0);
    for (var i = local; i < count; i += 64u) {
        let pixel = (image * p.in_h + top + i / width) * p.in_w + left + i % width;
        sum += unpack(x[pixel * p.quads + quad]);
    }
    partial[local] = sum;
    workgroupBarrier();
    for (var half = 32u; half > 0u; half /= 2u) {
        if local < half { partial[local] += partial[local + half]; }
        workgroupBarrier();
    }
    if local == 0u { y[id] = pack(partial[0] / f32(count)); }
}
