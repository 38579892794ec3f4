//! Mean and sum of squared deviations of each channel over a chunk of pixels. Sums are taken about the chunk's first
//! pixel, so that a large mean costs no digits. A workgroup covers 8 quads; 8 invocations share the pixels of each.
//! axis DTYPE f32 f16
#import shared/dtype
#import shared/index

struct Params {
    batch: u32,
    pixels: u32,
    quads: u32,
    // Groups of 8 quads, and chunks of an image's pixels.
    blocks: u32,
    chunks: u32,
}
#params

@group(0) @binding(1) var<storage, read> x: array<Store>;              // [batch, pixels, quads]
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;    // [batch, chunks, 2 (mean, squares), quads]

var<workgroup> sums: array<vec4<f32>, 64>;
var<workgroup> squares: array<vec4<f32>, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = linear(group, groups);
    let block = id % p.blocks;
    let chunk = id / p.blocks % p.chunks;
    let image = id / p.blocks / p.chunks;
    if image >= p.batch { return; }
    let quad = block * 8u + local % 8u;
    let column = min(quad, p.quads - 1u);
    let size = (p.pixels + p.chunks - 1u) / p.chunks;
    let start = min(chunk * size, p.pixels);
    let end = min(start + size, p.pixels);
    let about = unpack(x[(image * p.pixels + min(start, p.pixels - 1u)) * p.quads + column]);
    var sum = vec4<f32>(0.0);
    var square = vec4<f32>(0.0);
    for (var i = start + local / 8u; i < end; i += 8u) {
        let d = unpack(x[(image * p.pixels + i) * p.quads + column]) - about;
        sum += d;
        square = fma(d, d, square);
    }
    sums[local] = sum;
    squares[local] = square;
    workgroupBarrier();
    for (var half = 32u; half >= 8u; half /= 2u) {
        if local < half {
            sums[local] += sums[local + half];
            squares[local] += squares[local + half];
        }
        workgroupBarrier();
    }
    if local < 8u && quad < p.quads {
        let at = (image * p.chunks + chunk) * 2u * p.quads + quad;
        let mean = sums[local] / f32(max(end - start, 1u));
        y[at] = about + mean;
        y[at + p.quads] = max(squares[local] - sums[local] * mean, vec4<f32>(0.0));
    }
}
