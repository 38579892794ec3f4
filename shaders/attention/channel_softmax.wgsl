//! Rows of the transposed attention map: sums the chunks of a Gram matrix, divides by the L2 norms (at least 1e-12,
//! as F.normalize), multiplies by the head's temperature and takes the softmax over the key channels. A workgroup owns one
//! row; the first invocation of a column keeps its quads in the output while it works. With WIDE an invocation owns a row,
//! since barriers cost a CPU more than they share.
//! axis DTYPE f32
//! axis WIDE 0 1
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

#if WIDE == 1
fn summed(image: u32, head: u32, at: u32) -> vec4<f32> {
    var sum = vec4<f32>(0.0);
    for (var chunk = 0u; chunk < p.chunks; chunk++) {
        sum += gram[((image * p.chunks + chunk) * p.heads + head) * gram_size(p.cq) + at];
    }
    return sum;
}

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
    let q = max(sqrt(summed(image, head, norms + row / 4u)[row % 4u]), 1e-12);
    var largest = -3.4e38;
    for (var j = 0u; j < p.cq; j++) {
        let k = max(sqrt(summed(image, head, norms + p.cq + j)), vec4<f32>(1e-12));
        let logit = summed(image, head, row * p.cq + j) / (q * k) * temperature[head];
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
#else
var<workgroup> columns: array<f32, 16>; // [2 (largest, sum), 8]

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = linear(group, groups);
    let row = id % (4u * p.cq);
    let head = id / (4u * p.cq) % p.heads;
    let image = id / (4u * p.cq) / p.heads;
    if image >= p.batch { return; }
    let out = id * p.cq;
    if row >= p.c {
        for (var j = local; j < p.cq; j += 64u) { y[out + j] = vec4<f32>(0.0); }
        return;
    }
    let q = length_q(image, head, row, local);
    var largest = -3.4e38;
    for (var first = 0u; first < p.cq; first += 8u) {
        // Columns past the end repeat the last quad: all take part in the sums.
        let j = min(first + local % 8u, p.cq - 1u);
        let logit = logits_of(image, head, row, q, j, local);
        for (var e = 0u; e < 4u; e++) {
            if 4u * j + e < p.c { largest = max(largest, logit[e]); }
        }
        if local < 8u && first + local < p.cq { y[out + j] = logit; }
    }
    if local < 8u { columns[local] = largest; }
    workgroupBarrier();
    for (var i = 0u; i < 8u; i++) { largest = max(largest, columns[i]); }
    var sum = 0.0;
    if local < 8u {
        for (var j = local; j < p.cq; j += 8u) {
            let lanes = vec4<u32>(4u * j) + vec4<u32>(0u, 1u, 2u, 3u);
            let v = select(vec4<f32>(0.0), exp(y[out + j] - largest), lanes < vec4<u32>(p.c));
            sum += dot(v, vec4<f32>(1.0));
            y[out + j] = v;
        }
        columns[8u + local] = sum;
    }
    workgroupBarrier();
    sum = 0.0;
    for (var i = 8u; i < 16u; i++) { sum += columns[i]; }
    if local < 8u {
        for (var j = local; j < p.cq; j += 8u) { y[out + j] = y[out + j] / sum; }
    }
}
#endif
