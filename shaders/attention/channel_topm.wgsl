//! Rows of PIP's top-m attention map: the logits of channel_softmax.wgsl, of which four softmaxes each keep the largest
//! k1..k4, joined as attn1 * s1 + .. + attn4 * s4 (all four are applied to the same values, so their sum is one map). A
//! workgroup owns one row; of equal logits the first counts as larger.
//! axis DTYPE f32
#import shared/index
#import attention/channel_io
#import attention/channel_total

struct Params {
    batch: u32,
    chunks: u32,
    heads: u32,
    cq: u32,
    // Channels of one head, at most 512.
    c: u32,
    k1: u32,
    k2: u32,
    k3: u32,
    k4: u32,
}
#params

@group(0) @binding(1) var<storage, read> gram: array<vec4<f32>>;       // [batch, chunks, heads, gram_size]
@group(0) @binding(2) var<storage, read> temperature: array<f32>;      // [heads]
@group(0) @binding(3) var<storage, read> attn1: array<f32>;            // [1]
@group(0) @binding(4) var<storage, read> attn2: array<f32>;            // [1]
@group(0) @binding(5) var<storage, read> attn3: array<f32>;            // [1]
@group(0) @binding(6) var<storage, read> attn4: array<f32>;            // [1]
@group(0) @binding(7) var<storage, read_write> y: array<vec4<f32>>;    // [batch, heads, 4 cq, cq]

var<workgroup> logits: array<f32, 512>;
var<workgroup> ranks: array<u32, 512>;
var<workgroup> partial: array<vec4<f32>, 64>;

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
    for (var first = 0u; first < p.cq; first += 8u) {
        // Columns past the end repeat the last quad: all take part in the sums.
        let j = min(first + local % 8u, p.cq - 1u);
        let logit = logits_of(image, head, row, q, j, local);
        for (var e = 0u; e < 4u; e++) {
            if local < 8u && 4u * (first + local) + e < p.c { logits[4u * j + e] = logit[e]; }
        }
    }
    workgroupBarrier();

    var largest = logits[0];
    for (var i = 1u; i < p.c; i++) { largest = max(largest, logits[i]); }
    let keep = vec4<u32>(p.k1, p.k2, p.k3, p.k4);
    var sum = vec4<f32>(0.0);
    for (var j = local; j < p.c; j += 64u) {
        let own = logits[j];
        var rank = 0u;
        for (var i = 0u; i < p.c; i++) {
            let other = logits[i];
            if other > own || (other == own && i < j) { rank++; }
        }
        ranks[j] = rank;
        sum += select(vec4<f32>(0.0), vec4<f32>(exp(own - largest)), vec4<u32>(rank) < keep);
    }
    partial[local] = sum;
    workgroupBarrier();
    for (var half = 32u; half > 0u; half /= 2u) {
        if local < half { partial[local] += partial[local + half]; }
        workgroupBarrier();
    }

    let share = vec4<f32>(attn1[0], attn2[0], attn3[0], attn4[0]) / partial[0];
    for (var j = local; j < p.cq; j += 64u) {
        var v = vec4<f32>(0.0);
        for (var e = 0u; e < 4u; e++) {
            let at = 4u * j + e;
            if at < p.c {
                let kept = select(vec4<f32>(0.0), share, vec4<u32>(ranks[at]) < keep);
                v[e] = exp(logits[at] - largest) * dot(kept, vec4<f32>(1.0));
            }
        }
        y[out + j] = v;
    }
}
