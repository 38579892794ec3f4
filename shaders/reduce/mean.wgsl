//! Sums over the pixels of an image, times a factor. The pixels are cut into chunks, one result each, so that a second
//! pass over the chunk sums ends a large reduction. A workgroup reduces one chunk of 8 quads, 8 invocations each; with WIDE
//! an invocation reduces one of one quad, since workgroup memory and barriers cost a CPU more than they share. Its
//! workgroups are a subgroup, so that few sums still occupy all cores. PAIRED: one of two neighbouring quads, which share
//! their loads.
//! axis IN f32 f16
//! axis DTYPE f32 f16
//! axis WIDE 0 1
//! axis PAIRED 0 1
//! skip WIDE 0 PAIRED 1
//! skip IN f16 PAIRED 1
//! skip DTYPE f16 PAIRED 1
#import shared/dtype
#import shared/index

struct Params {
    batch: u32,
    pixels: u32,
    // What an invocation sums up of a pixel: quads, or pairs of them.
    quads: u32,
    chunks: u32,
    factor: f32,
}
#params

#if PAIRED == 1
@group(0) @binding(1) var<storage, read> x: array<Pair>;          // [batch, pixels, quads]
@group(0) @binding(2) var<storage, read_write> y: array<Pair>;    // [batch, chunks, quads]
alias Sum = mat2x4<f32>;
fn load(i: u32) -> Sum { return Sum(quad_in(x[i], 0u), quad_in(x[i], 1u)); }
#else
@group(0) @binding(2) var<storage, read_write> y: array<Store>;   // [batch, chunks, quads]
alias Sum = vec4<f32>;
#if IN == f16
@group(0) @binding(1) var<storage, read> x: array<vec2<u32>>;     // [batch, pixels, quads]
fn load(i: u32) -> Sum { return vec4<f32>(unpack2x16float(x[i].x), unpack2x16float(x[i].y)); }
#else
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;     // [batch, pixels, quads]
fn load(i: u32) -> Sum { return x[i]; }
#endif
#endif

const RUN = 64u;

// Every `step`th pixel of a chunk, in runs: one long sum drifts where pixels are equal, because its roundings go one way.
fn total(image: u32, chunk: u32, quad: u32, offset: u32, step: u32) -> Sum {
    let size = (p.pixels + p.chunks - 1u) / p.chunks;
    let end = min((chunk + 1u) * size, p.pixels);
    var sum = Sum();
    for (var start = chunk * size + offset; start < end; start += RUN * step) {
        var run = Sum();
        for (var i = start; i < min(start + RUN * step, end); i += step) {
            run += load((image * p.pixels + i) * p.quads + quad);
        }
        sum += run;
    }
    return sum;
}

#if WIDE == 1
@compute @workgroup_size(8)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = linear(group, groups) * 8u + local;
    let quad = id % p.quads;
    let chunk = id / p.quads % p.chunks;
    let image = id / p.quads / p.chunks;
    if image >= p.batch { return; }
    let sum = total(image, chunk, quad, 0u, 1u) * p.factor;
    #if PAIRED == 1
    y[id] = paired(sum[0], sum[1]);
    #else
    y[id] = pack(sum);
    #endif
}
#else
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
    let chunk = id / blocks % p.chunks;
    let image = id / blocks / p.chunks;
    if image >= p.batch { return; }
    partial[local] = total(image, chunk, min(quad, p.quads - 1u), local / 8u, 8u);
    workgroupBarrier();
    if local >= 8u || quad >= p.quads { return; }
    var sum = vec4<f32>(0.0);
    for (var share = 0u; share < 8u; share++) { sum += partial[share * 8u + local]; }
    y[(image * p.chunks + chunk) * p.quads + quad] = pack(sum * p.factor);
}
#endif
