//! Mean and 1 / sqrt(variance + eps) of each group of channels, from the moments of its channels in each chunk. A
//! workgroup combines one group: first the mean, then the squares within and between channels and chunks.
//! axis DTYPE f32
#import shared/index
#import norm/group_index

struct Params {
    batch: u32,
    pixels: u32,
    quads: u32,
    chunks: u32,
    groups: u32,
    // Channels of a group.
    per: u32,
    // Channels and quads of the first channel segment.
    first: u32,
    first4: u32,
    eps: f32,
}
#params

@group(0) @binding(1) var<storage, read> moments: array<vec4<f32>>;    // [batch, chunks, 2 (mean, squares), quads]
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;    // [batch, groups]: mean, 1 / deviation, 0, 0

var<workgroup> partial: array<f32, 64>;

fn total(local: u32, own: f32) -> f32 {
    partial[local] = own;
    workgroupBarrier();
    for (var half = 32u; half > 0u; half /= 2u) {
        if local < half { partial[local] += partial[local + half]; }
        workgroupBarrier();
    }
    let sum = partial[0];
    workgroupBarrier();
    return sum;
}

fn moment(image: u32, chunk: u32, which: u32, position: u32) -> f32 {
    return moments[((image * p.chunks + chunk) * 2u + which) * p.quads + position / 4u][position % 4u];
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = linear(group, groups);
    let own = id % p.groups;
    let image = id / p.groups;
    if image >= p.batch { return; }
    let size = (p.pixels + p.chunks - 1u) / p.chunks;
    let count = f32(p.pixels) * f32(p.per);
    var sum = 0.0;
    for (var i = local; i < p.per * p.chunks; i += 64u) {
        let chunk = i / p.per;
        let n = f32(min(size, p.pixels - min(p.pixels, chunk * size)));
        sum += n * moment(image, chunk, 0u, position_of(own * p.per + i % p.per, p.first, p.first4));
    }
    let mean = total(local, sum) / count;
    var squares = 0.0;
    for (var i = local; i < p.per * p.chunks; i += 64u) {
        let chunk = i / p.per;
        let n = f32(min(size, p.pixels - min(p.pixels, chunk * size)));
        let position = position_of(own * p.per + i % p.per, p.first, p.first4);
        let d = moment(image, chunk, 0u, position) - mean;
        squares += moment(image, chunk, 1u, position) + n * d * d;
    }
    let variance = total(local, squares) / count;
    if local == 0u { y[id] = vec4<f32>(mean, inverseSqrt(variance + p.eps), 0.0, 0.0); }
}
