//! The attention of global_attention.wgsl where a lane is a SIMD lane of a CPU and loads are dear. A workgroup is one
//! subgroup, a lane owns TALL queries; the lanes share out LANES keys and values at a time and broadcast them.
//! axis DTYPE f32 f16
//! axis WIDE 0 1
//! axis DQ 1 12
//! axis LANES 4 8
//! axis TALL 1 4
//! skip DQ 1 TALL 1
//! skip DQ 12 TALL 4
#import attention/global_io

const LEAST = -3.4e38;

@compute @workgroup_size($LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let id = linear(group, groups);
    let tiles = (p.queries + $(TALL*LANES-1)u) / $(TALL*LANES)u;
    let head = id / tiles % p.heads;
    let image = id / tiles / p.heads;
    if image >= p.batch { return; }
    let start = id % tiles * $(TALL*LANES)u;
    #repeat T 0 TALL
    // Lanes past the end repeat the last query: all take part in the broadcasts.
    let query$T = min(start + $(T*LANES)u + lane, p.queries - 1u);
    let base$T = (image * p.queries + query$T) * p.q_stride + p.q_offset + head * $(DQ)u;
    #repeat D 0 DQ
    let q$(T)x$D = unpack(q[base$T + $(D)u]) * p.scale;
    var sum$(T)x$D = vec4<f32>(0.0);
    #end
    var largest$T = LEAST;
    var weight$T = 0.0;
    #end
    let first = select(image, 0u, p.k_batch == 1u) * p.keys;
    var end = p.keys;
    if CAUSAL { end = min(end, start + $(TALL*LANES)u); }
    for (var n = 0u; n < end; n += $(LANES)u) {
        let token = first + min(n + lane, p.keys - 1u);
        #repeat D 0 DQ
        let k$D = unpack(k[token * p.k_stride + p.k_offset + head * $(DQ)u + $(D)u]);
        let v$D = unpack(v[token * p.v_stride + p.v_offset + head * $(DQ)u + $(D)u]);
        #end
        #repeat T 0 TALL
        var next$T = largest$T;
        #end
        #repeat J 0 LANES
        #repeat T 0 TALL
        var product$(J)x$T = vec4<f32>(0.0);
        #end
        #repeat D 0 DQ
        {
            let key = subgroupBroadcast(k$D, $(J)u);
            #repeat T 0 TALL
            product$(J)x$T = fma(q$(T)x$D, key, product$(J)x$T);
            #end
        }
        #end
        #repeat T 0 TALL
        let seen$(J)x$T = n + $(J)u < end && (!CAUSAL || n + $(J)u <= query$T);
        let logit$(J)x$T = select(LEAST, dot(product$(J)x$T, vec4<f32>(1.0)), seen$(J)x$T);
        next$T = max(next$T, logit$(J)x$T);
        #end
        #end
        #repeat T 0 TALL
        let shrink$T = exp(largest$T - next$T);
        largest$T = next$T;
        weight$T *= shrink$T;
        #repeat D 0 DQ
        sum$(T)x$D *= shrink$T;
        #end
        #end
        #repeat J 0 LANES
        #repeat T 0 TALL
        let share$(J)x$T = select(0.0, exp(logit$(J)x$T - next$T), seen$(J)x$T);
        weight$T += share$(J)x$T;
        #end
        #repeat D 0 DQ
        {
            let value = subgroupBroadcast(v$D, $(J)u);
            #repeat T 0 TALL
            sum$(T)x$D = fma(vec4<f32>(share$(J)x$T), value, sum$(T)x$D);
            #end
        }
        #end
        #end
    }
    #repeat T 0 TALL
    #repeat D 0 DQ
    y[((image * p.queries + query$T) * p.heads + head) * $(DQ)u + $(D)u] = pack(sum$(T)x$D / weight$T);
    #end
    #end
}
