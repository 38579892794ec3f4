//! Attention of every query over all keys of its image, streamed: an invocation keeps one query and its running
//! softmax, so memory does not grow with the number of keys. A workgroup shares tiles of 16 keys and their values.
//! axis DTYPE f32 f16
//! axis DQ 1 12
#import attention/global_io

const TILE = 16u;
const LEAST = -3.4e38;

var<workgroup> keys: array<vec4<f32>, $(16*DQ)>;   // [TILE, DQ]
var<workgroup> values: array<vec4<f32>, $(16*DQ)>; // [TILE, DQ]

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = linear(group, groups);
    let tiles = (p.queries + 63u) / 64u;
    let head = id / tiles % p.heads;
    let image = id / tiles / p.heads;
    if image >= p.batch { return; }
    let start = id % tiles * 64u;
    // Invocations past the end repeat the last query: all take part in the loads.
    let query = min(start + local, p.queries - 1u);
    let base = (image * p.queries + query) * p.q_stride + p.q_offset + head * $(DQ)u;
    #repeat D 0 DQ
    let q$D = unpack(q[base + $(D)u]) * p.scale;
    var sum$D = vec4<f32>(0.0);
    #end
    let first = select(image, 0u, p.k_batch == 1u) * p.keys;
    // What the last query of the workgroup sees, and what this one does.
    var end = p.keys;
    var own = p.keys;
    if CAUSAL {
        end = min(end, start + 64u);
        own = min(own, query + 1u);
    }
    var largest = LEAST;
    var weight = 0.0;
    for (var tile = 0u; tile < end; tile += TILE) {
        for (var at = local; at < $(16*DQ)u; at += 64u) {
            let token = first + min(tile + at / $(DQ)u, p.keys - 1u);
            let quad = head * $(DQ)u + at % $(DQ)u;
            keys[at] = unpack(k[token * p.k_stride + p.k_offset + quad]);
            values[at] = unpack(v[token * p.v_stride + p.v_offset + quad]);
        }
        workgroupBarrier();
        // The tile's largest logit first, so that the running sums are rescaled once a tile. Every query sees the first
        // key, so that keys past its end weigh nothing beside the largest.
        var next = largest;
        #repeat J 0 16
        var product$J = vec4<f32>(0.0);
        #repeat D 0 DQ
        product$J = fma(q$D, keys[$(J*DQ+D)], product$J);
        #end
        let logit$J = select(LEAST, dot(product$J, vec4<f32>(1.0)), tile + $(J)u < own);
        next = max(next, logit$J);
        #end
        let shrink = exp(largest - next);
        largest = next;
        weight *= shrink;
        #repeat D 0 DQ
        sum$D *= shrink;
        #end
        #repeat J 0 16
        let share$J = exp(logit$J - next);
        weight += share$J;
        #repeat D 0 DQ
        sum$D = fma(vec4<f32>(share$J), values[$(J*DQ+D)], sum$D);
        #end
        #end
        workgroupBarrier();
    }
    if start + local >= p.queries { return; }
    #repeat D 0 DQ
    y[((image * p.queries + query) * p.heads + head) * $(DQ)u + $(D)u] = pack(sum$D / weight);
    #end
}
