//! Attention of every query over all keys of its image, streamed: an invocation keeps one query and its running
//! softmax, so memory does not grow with the number of keys.
//! axis DTYPE f32 f16
//! axis DQ 1 12
#import attention/global_io

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
    let query = id % tiles * 64u + local;
    if image >= p.batch || query >= p.queries { return; }
    let base = (image * p.queries + query) * p.q_stride + p.q_offset + head * $(DQ)u;
    #repeat D 0 DQ
    let q$D = unpack(q[base + $(D)u]) * p.scale;
    var sum$D = vec4<f32>(0.0);
    #end
    let first = select(image, 0u, p.k_batch == 1u) * p.keys;
    var end = p.keys;
    if CAUSAL { end = min(end, query + 1u); }
    var largest = -3.4e38;
    var weight = 0.0;
    for (var n = 0u; n < end; n++) {
        let key = (first + n) * p.k_stride + p.k_offset + head * $(DQ)u;
        let value = (first + n) * p.v_stride + p.v_offset + head * $(DQ)u;
        var products = vec4<f32>(0.0);
        #repeat D 0 DQ
        products = fma(q$D, unpack(k[key + $(D)u]), products);
        #end
        let logit = dot(products, vec4<f32>(1.0));
        let next = max(largest, logit);
        let shrink = exp(largest - next);
        let share = exp(logit - next);
        largest = next;
        weight = fma(weight, shrink, share);
        #repeat D 0 DQ
        sum$D = fma(vec4<f32>(share), unpack(v[value + $(D)u]), sum$D * shrink);
        #end
    }
    #repeat D 0 DQ
    y[((image * p.queries + query) * p.heads + head) * $(DQ)u + $(D)u] = pack(sum$D / weight);
    #end
}
