//! Rows of the transposed attention map: sums the chunks of a Gram matrix, divides by the L2 norms (at least 1e-12,
//! as F.normalize), multiplies by the head's temperature and takes the softmax over the key channels. An invocation
//! owns one row, which it keeps in the output while it works.
//! axis DTYPE f32
#import shared/index
#import attention/channel_io
#import attention/channel_total

struct Params {
    batch: u32,
    chunks: u32,
    heads: u32,
    cq: u32,
    // Channels of one head.
    c: u32,
}
#params

@group(0) @binding(1) var<storage, read> gram: array<vec4<f32>>;       // [batch, chunks, heads, gram_size]
@group(0) @binding(2) var<storage, read> temperature: array<f32>;      // [heads]
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;    // [batch, heads, 4 cq, cq]

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = linear(group, groups) * 64u + local;
    let row = id % (4u * p.cq);
    let head = id / (4u * p.cq) % p.heads;
    let image = id / (4u * p.cq) / p.heads;
    if image >= p.batch { return; }
    let out = id * p.cq;
    if row >= p.c {
        for (var j = 0u; j < p.cq; j++) { y[out + j] = vec4<f32>(0.0); }
        return;
    }
    let norms = 4u * p.cq * p.cq;
    let q = max(sqrt(total(image, head, norms + row / 4u)[row % 4u]), 1e-12);
    var largest = -3.4e38;
    for (var j = 0u; j < p.cq; j++) {
        let k = max(sqrt(total(image, head, norms + p.cq + j)), vec4<f32>(1e-12));
        let logit = total(image, head, row * p.cq + j) / (q * k) * temperature[head];
        y[out + j] = logit;
        for (var e = 0u; e < 4u; e++) {
            if 4u * j + e < p.c { largest = max(largest, logit[e]); }
        }
    }
    var sum = 0.0;
    for (var j = 0u; j < p.cq; j++) {
        let lanes = vec4<u32>(4u * j) + vec4<u32>(0u, 1u, 2u, 3u);
        let v = select(vec4<f32>(0.0), exp(y[out + j] - largest), lanes < vec4<u32>(p.c));
        sum += dot(v, vec4<f32>(1.0));
        y[out + j] = v;
    }
    for (var j = 0u; j < p.cq; j++) { y[out + j] = y[out + j] / sum; }
}
