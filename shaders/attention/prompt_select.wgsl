//! Which prompts of a pool a query selects: cosine similarity to every key over a temperature (clamped to 0.1 .. 2), the
//! largest `keep` of them, softmax over those; all others get 0. A workgroup serves one image; of equal similarities the
//! first counts as larger.
//! axis DTYPE f32 f16
#import shared/dtype
#import shared/index

struct Params {
    batch: u32,
    quads: u32,
    // Prompts in the pool, at most 1024, and the quads of one row of weights.
    count: u32,
    out_quads: u32,
    keep: u32,
}
#params

@group(0) @binding(1) var<storage, read> query: array<Store>;          // [batch, quads]
@group(0) @binding(2) var<storage, read> keys: array<vec4<f32>>;       // [count, quads]
@group(0) @binding(3) var<storage, read> temperature: array<f32>;      // [1]
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;    // [batch, out_quads]

var<workgroup> similarity: array<f32, 1024>;
var<workgroup> kept: array<f32, 1024>;

fn length_of(squares: f32) -> f32 { return max(sqrt(squares), 1e-12); }

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let image = linear(group, groups);
    if image >= p.batch { return; }
    for (var n = local; n < p.count; n += 64u) {
        var product = 0.0;
        var q_squares = 0.0;
        var k_squares = 0.0;
        for (var i = 0u; i < p.quads; i++) {
            let q = unpack(query[image * p.quads + i]);
            let k = keys[n * p.quads + i];
            product += dot(q, k);
            q_squares += dot(q, q);
            k_squares += dot(k, k);
        }
        similarity[n] = product / length_of(q_squares) / length_of(k_squares) / clamp(temperature[0], 0.1, 2.0);
    }
    workgroupBarrier();
    for (var n = local; n < p.count; n += 64u) {
        let own = similarity[n];
        var largest = own;
        var rank = 0u;
        for (var i = 0u; i < p.count; i++) {
            let other = similarity[i];
            largest = max(largest, other);
            if other > own || (other == own && i < n) { rank++; }
        }
        kept[n] = select(0.0, exp(own - largest), rank < p.keep);
    }
    workgroupBarrier();
    var sum = 0.0;
    for (var i = 0u; i < p.count; i++) { sum += kept[i]; }
    for (var j = local; j < p.out_quads; j += 64u) {
        var v = vec4<f32>(0.0);
        for (var e = 0u; e < 4u; e++) {
            if 4u * j + e < p.count { v[e] = kept[4u * j + e] / sum; }
        }
        y[image * p.out_quads + j] = v;
    }
}
