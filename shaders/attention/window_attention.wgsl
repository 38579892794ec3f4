//! Overlapping window attention (OCA, Chen et al. 2023, "A Comparative Study of Image Restoration Networks"): WS x WS
//! queries against OWS x OWS keys with learned relative terms. Keys outside the image are zero vectors that take part
//! in the softmax. A workgroup is one window of one head, an invocation one query; the softmax is streamed, so no
//! attention matrix exists.
//! axis DTYPE f32 f16
//! axis WIDE 0 1
//! axis WS 4 8
//! axis OWS 6 12
//! axis DQ 1 4
#import attention/window_io

@compute @workgroup_size($WS, $WS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
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
    // Relative terms of this query for every key column; the row term is computed once per key row.
    var across_term: array<f32, $OWS>;
    for (var j = 0u; j < $(OWS)u; j++) {
        let at = ($(OWS-1)u + j - local.x) * $(DQ)u;
        var term = 0.0;
        #repeat D 0 DQ
        term += dot(q$D, rel_width[at + $(D)u]);
        #end
        across_term[j] = term;
    }
    var largest = -3.4e38;
    var weight = 0.0;
    for (var i = 0u; i < $(OWS)u; i++) {
        let at = ($(OWS-1)u + i - local.y) * $(DQ)u;
        var down_term = 0.0;
        #repeat D 0 DQ
        down_term += dot(q$D, rel_height[at + $(D)u]);
        #end
        let ky = i32(top + i) - i32(p.pad);
        // The row's largest logit first, so that the running sums are rescaled once a row.
        var logits: array<f32, $OWS>;
        var row_largest = largest;
        let row_inside = ky >= 0 && ky < i32(p.h);
        for (var j = 0u; j < $(OWS)u; j++) {
            let kx = i32(left + j) - i32(p.pad);
            var logit = down_term + across_term[j];
            if row_inside && kx >= 0 && kx < i32(p.w) {
                let key = ((image * p.h + u32(ky)) * p.w + u32(kx)) * stride + (p.heads + head) * $(DQ)u;
                #repeat D 0 DQ
                logit += dot(q$D, unpack(qkv[key + $(D)u]));
                #end
            }
            logits[j] = logit;
            row_largest = max(row_largest, logit);
        }
        let shrink = exp(largest - row_largest);
        largest = row_largest;
        weight *= shrink;
        #repeat D 0 DQ
        sum$D *= shrink;
        #end
        for (var j = 0u; j < $(OWS)u; j++) {
            let kx = i32(left + j) - i32(p.pad);
            let share = exp(logits[j] - largest);
            weight += share;
            if row_inside && kx >= 0 && kx < i32(p.w) {
                let value = ((image * p.h + u32(ky)) * p.w + u32(kx)) * stride + (2u * p.heads + head) * $(DQ)u;
                #repeat D 0 DQ
                sum$D = fma(vec4<f32>(share), unpack(qkv[value + $(D)u]), sum$D);
                #end
            }
        }
    }
    #repeat D 0 DQ
    y[(pixel * p.heads + head) * $(DQ)u + $(D)u] = pack(sum$D / weight);
    #end
}
