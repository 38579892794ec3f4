//! Attention of every query over all keys of its image for heads too wide for the registers of one invocation: PARTS
//! invocations share a query, each with DP quads of its channels. Keys come in tiles of 16: partial products meet in
//! workgroup memory, then every part computes the same softmax and sums its own channels.
//! axis DTYPE f32 f16
//! axis DP 5 10
//! axis PARTS 4
#import attention/global_io

const TILE = 16u;
var<workgroup> partial: array<vec4<f32>, 256>; // [64 invocations, 4 quads of keys]

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = linear(group, groups);
    let tiles = (p.queries + $(64/PARTS-1)u) / $(64/PARTS)u;
    let head = id / tiles % p.heads;
    let image = id / tiles / p.heads;
    if image >= p.batch { return; }
    let own = id % tiles * $(64/PARTS)u + local / $(PARTS)u;
    let query = min(own, p.queries - 1u);
    // The quads of the head that are this invocation's: `have` of them from `part` on.
    let part = local % $(PARTS)u * $(DP)u;
    let have = min(p.dq - min(part, p.dq), $(DP)u);
    let base = (image * p.queries + query) * p.q_stride + p.q_offset + head * p.dq + part;
    #repeat D 0 DP
    var q$D = vec4<f32>(0.0);
    if $(D)u < have { q$D = unpack(q[base + $(D)u]) * p.scale; }
    var sum$D = vec4<f32>(0.0);
    #end
    let first = select(image, 0u, p.k_batch == 1u) * p.keys;
    // What the last query of the workgroup sees, and what this one does.
    var last = p.keys;
    var end = p.keys;
    if CAUSAL {
        last = min(last, (id % tiles + 1u) * $(64/PARTS)u);
        end = min(end, query + 1u);
    }
    var largest = -3.4e38;
    var weight = 0.0;
    for (var tile = 0u; tile < last; tile += TILE) {
        for (var j = 0u; j < 4u; j++) {
            var products = vec4<f32>(0.0);
            for (var e = 0u; e < 4u; e++) {
                let key = (first + min(tile + 4u * j + e, p.keys - 1u)) * p.k_stride + p.k_offset + head * p.dq + part;
                var sum = vec4<f32>(0.0);
                #repeat D 0 DP
                if $(D)u < have { sum = fma(q$D, unpack(k[key + $(D)u]), sum); }
                #end
                products[e] = dot(sum, vec4<f32>(1.0));
            }
            partial[local * 4u + j] = products;
        }
        workgroupBarrier();
        // The largest logit of the tile; keys past the end never win.
        let row = local / $(PARTS)u * $(4*PARTS)u;
        var next = largest;
        #repeat J 0 4
        var logit$J = vec4<f32>(0.0);
        #repeat P 0 PARTS
        logit$J += partial[row + $(4*P+J)u];
        #end
        let n$J = vec4<u32>(tile + $(4*J)u) + vec4<u32>(0u, 1u, 2u, 3u);
        logit$J = select(vec4<f32>(-3.4e38), logit$J, n$J < vec4<u32>(end));
        next = max(next, max(max(logit$J.x, logit$J.y), max(logit$J.z, logit$J.w)));
        #end
        let shrink = exp(largest - next);
        largest = next;
        weight *= shrink;
        #repeat D 0 DP
        sum$D *= shrink;
        #end
        #repeat J 0 4
        {
            let share = select(vec4<f32>(0.0), exp(logit$J - next), n$J < vec4<u32>(end));
            weight += dot(share, vec4<f32>(1.0));
            for (var e = 0u; e < 4u; e++) {
                let at = first + min(tile + $(4*J)u + e, p.keys - 1u);
                let value = at * p.v_stride + p.v_offset + head * p.dq + part;
                #repeat D 0 DP
                if $(D)u < have { sum$D = fma(vec4<f32>(share[e]), unpack(v[value + $(D)u]), sum$D); }
                #end
            }
        }
        #end
        workgroupBarrier();
    }
    if own < p.queries {
        let out = ((image * p.queries + query) * p.heads + head) * p.dq + part;
        #repeat D 0 DP
        if $(D)u < have { y[out + $(D)u] = pack(sum$D / weight); }
        #end
    }
}
