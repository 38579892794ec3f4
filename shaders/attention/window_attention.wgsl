//! Overlapping window attention (OCA, Chen et al. 2023, "A Comparative Study of Image Restoration Networks"): WS x WS
//! queries against OWS x OWS keys with learned relative terms. Keys outside the image are zero vectors that take part
//! in the softmax. A workgroup is one window of one head, an invocation one query; rows of keys and values meet it in
//! workgroup memory. The softmax is streamed, so no attention matrix exists.
//! axis DTYPE f32 f16
//! axis WIDE 0 1
//! axis WS 4 8
//! axis OWS 6 12
//! axis DQ 1 4
#import attention/window_io

const ONES = vec4<f32>(1.0);

// A row of the key window; zeros outside the image.
var<workgroup> keys: array<vec4<f32>, $(OWS*DQ)>;   // [OWS, DQ]
var<workgroup> values: array<vec4<f32>, $(OWS*DQ)>; // [OWS, DQ]

@compute @workgroup_size($WS, $WS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) index: u32,
) {
    let id = linear(group, groups);
    let across = p.w / $(WS)u;
    let down = p.h / $(WS)u;
    let head = id % p.heads;
    let left = id / p.heads % across * $(WS)u;
    let top = id / p.heads / across % down * $(WS)u;
    let image = id / p.heads / across / down;
    if image >= p.batch { return; }
    let stride = 3u * p.heads * $(DQ)u;
    let pixel = (image * p.h + top + local.y) * p.w + left + local.x;

    #repeat D 0 DQ
    let q$D = unpack(qkv[pixel * stride + head * $(DQ)u + $(D)u]) * p.scale;
    var sum$D = vec4<f32>(0.0);
    #end
    // Relative terms of this query for every key column; the row term is computed once per key row. All that is kept for
    // a column has a name of its own, because an array indexed by a loop would live in memory.
    #repeat J 0 OWS
    var term$J = vec4<f32>(0.0);
    #repeat D 0 DQ
    term$J = fma(q$D, rel_width[($(OWS-1+J)u - local.x) * $(DQ)u + $(D)u], term$J);
    #end
    let across$J = dot(term$J, ONES);
    #end
    var largest = -3.4e38;
    var weight = 0.0;
    for (var i = 0u; i < $(OWS)u; i++) {
        let ky = i32(top + i) - i32(p.pad);
        for (var at = index; at < $(OWS*DQ)u; at += $(WS*WS)u) {
            let kx = i32(left + at / $(DQ)u) - i32(p.pad);
            var key = vec4<f32>(0.0);
            var value = vec4<f32>(0.0);
            if ky >= 0 && ky < i32(p.h) && kx >= 0 && kx < i32(p.w) {
                let token = ((image * p.h + u32(ky)) * p.w + u32(kx)) * stride + (p.heads + head) * $(DQ)u;
                key = unpack(qkv[token + at % $(DQ)u]);
                value = unpack(qkv[token + p.heads * $(DQ)u + at % $(DQ)u]);
            }
            keys[at] = key;
            values[at] = value;
        }
        workgroupBarrier();
        var terms = vec4<f32>(0.0);
        #repeat D 0 DQ
        terms = fma(q$D, rel_height[($(OWS-1)u + i - local.y) * $(DQ)u + $(D)u], terms);
        #end
        // The row's largest logit first, so that the running sums are rescaled once a row.
        var next = largest;
        #repeat J 0 OWS
        var product$J = terms;
        #repeat D 0 DQ
        product$J = fma(q$D, keys[$(J*DQ+D)], product$J);
        #end
        let logit$J = dot(product$J, ONES) + across$J;
        next = max(next, logit$J);
        #end
        let shrink = exp(largest - next);
        largest = next;
        weight *= shrink;
        #repeat D 0 DQ
        sum$D *= shrink;
        #end
        #repeat J 0 OWS
        let share$J = exp(logit$J - next);
        weight += share$J;
        #repeat D 0 DQ
        sum$D = fma(vec4<f32>(share$J), values[$(J*DQ+D)], sum$D);
        #end
        #end
        workgroupBarrier();
    }
    #repeat D 0 DQ
    y[(pixel * p.heads + head) * $(DQ)u + $(D)u] = pack(sum$D / weight);
    #end
}
