//! Sums over the pixels of an image, times a factor. The pixels are cut into chunks, one result each, so that a second
//! pass over the chunk sums ends a large reduction. A workgroup reduces one chunk of one quad; with WIDE an invocation
//! does, since workgroup memory and barriers cost a CPU more than they share.
//! axis IN f32 f16
//! axis DTYPE f32 f16
//! axis WIDE 0 1
#import shared/dtype
#import shared/index

struct Params {
    batch: u32,
    pixels: u32,
    quads: u32,
    chunks: u32,
    factor: f32,
}
#params

#if IN == f16
@group(0) @binding(1) var<storage, read> x: array<vec2<u32>>;     // [batch, pixels, quads]
fn load(i: u32) -> vec4<f32> { return vec4<f32>(unpack2x16float(x[i].x), unpack2x16float(x[i].y)); }
#else
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;     // [batch, pixels, quads]
fn load(i: u32) -> vec4<f32> { return x[i]; }
#endif
@group(0) @binding(2) var<storage, read_write> y: array<Store>;   // [batch, chunks, quads]

#if WIDE == 1
const RUN = 64u;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = linear(group, groups) * 64u + local;
    let quad = id % p.quads;
    let chunk = id / p.quads % p.chunks;
    let image = id / p.quads / p.chunks;
    if image >= p.batch { return; }
    let size = (p.pixels + p.chunks - 1u) / p.chunks;
    let end = min((chunk + 1u) * size, p.pixels);
    // In runs: one long sum drifts where pixels are equal, because its roundings go one way.
    var sum = vec4<f32>(0.0);
    for (var start = chunk * size; start < end; start += RUN) {
        var run = vec4<f32>(0.0);
        for (var i = start; i < min(start + RUN, end); i++) { run += load((image * p.pixels + i) * p.quads + quad); }
        sum += run;
    }
    y[id] = pack(sum * p.factor);
}
#else
var<workgroup> partial: array<vec4<f32>, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = linear(group, groups);
    let quad = id % p.quads;
    let chunk = id / p.quads % p.chunks;
    let image = id / p.quads / p.chunks;
    if image >= p.batch { return; }
    let size = (p.pixels + p.chunks - 1u) / p.chunks;
    let end = min((chunk + 1u) * size, p.pixels);
    var sum = vec4<f32>(0.0);
    for (var i = chunk * size + local; i < end; i += 64u) { sum += load((image * p.pixels + i) * p.quads + quad); }
    partial[local] = sum;
    workgroupBarrier();
    for (var half = 32u; half > 0u; half /= 2u) {
        if local < half { partial[local] += partial[local + half]; }
        workgroupBarrier();
    }
    if local == 0u { y[(image * p.chunks + chunk) * p.quads + quad] = pack(partial[0] * p.factor); }
}
#endif
