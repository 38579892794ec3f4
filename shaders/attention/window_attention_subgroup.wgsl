//! The attention of window_attention.wgsl where a lane is a SIMD lane of a CPU and loads are dear. A workgroup is one
//! subgroup of SIDE lanes, which divide WS; it owns SIDE columns by TALL rows of a window's queries, a lane a column. The
//! lanes share out the keys and values of a row of the key window and broadcast them.
//! axis DTYPE f32 f16
//! axis WIDE 0 1
//! axis WS 8
//! axis OWS 12
//! axis DQ 1 4
//! axis SIDE 4 8
//! axis TALL 4
#import attention/window_io

const ONES = vec4<f32>(1.0);

@compute @workgroup_size($SIDE)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let id = linear(group, groups);
    let across = p.w / $(WS)u;
    let down = p.h / $(WS)u;
    let head = id % p.heads;
    // The part of the window that this subgroup owns.
    let part = id / p.heads % $(WS/SIDE*WS/TALL)u;
    let qx = part % $(WS/SIDE)u * $(SIDE)u + lane;
    let qy = part / $(WS/SIDE)u * $(TALL)u;
    let window = id / p.heads / $(WS/SIDE*WS/TALL)u;
    let left = window % across * $(WS)u;
    let top = window / across % down * $(WS)u;
    let image = window / across / down;
    if image >= p.batch { return; }
    let stride = 3u * p.heads * $(DQ)u;

    #repeat T 0 TALL
    let pixel$T = (image * p.h + top + qy + $(T)u) * p.w + left + qx;
    #repeat D 0 DQ
    let q$(T)x$D = unpack(qkv[pixel$T * stride + head * $(DQ)u + $(D)u]) * p.scale;
    var sum$(T)x$D = vec4<f32>(0.0);
    #end
    var largest$T = -3.4e38;
    var weight$T = 0.0;
    #end
    // Relative terms of all queries for every key column.
    #repeat J 0 OWS
    #repeat D 0 DQ
    let r$(J)x$D = rel_width[($(OWS-1+J)u - qx) * $(DQ)u + $(D)u];
    #end
    #repeat T 0 TALL
    var t$(J)x$T = vec4<f32>(0.0);
    #repeat D 0 DQ
    t$(J)x$T = fma(q$(T)x$D, r$(J)x$D, t$(J)x$T);
    #end
    let across$(J)x$T = dot(t$(J)x$T, ONES);
    #end
    #end
    for (var i = 0u; i < $(OWS)u; i++) {
        // Lane T holds the row of the table for the queries of row T.
        let relative = ($(OWS-1)u + i - qy - min(lane, $(TALL-1)u)) * $(DQ)u;
        let ky = i32(top + i) - i32(p.pad);
        let row = (image * p.h + u32(clamp(ky, 0, i32(p.h) - 1))) * p.w;
        #repeat G 0 OWS/SIDE+1
        let kx$G = i32(left + min(lane + $(G*SIDE)u, $(OWS-1)u)) - i32(p.pad);
        let inside$G = ky >= 0 && ky < i32(p.h) && kx$G >= 0 && kx$G < i32(p.w);
        let token$G = (row + u32(clamp(kx$G, 0, i32(p.w) - 1))) * stride + (p.heads + head) * $(DQ)u;
        #repeat D 0 DQ
        let k$(G)x$D = select(vec4<f32>(0.0), unpack(qkv[token$G + $(D)u]), inside$G);
        let v$(G)x$D = select(vec4<f32>(0.0), unpack(qkv[token$G + p.heads * $(DQ)u + $(D)u]), inside$G);
        #end
        #end
        #repeat D 0 DQ
        let h$D = rel_height[relative + $(D)u];
        #end
        #repeat T 0 TALL
        var terms$T = vec4<f32>(0.0);
        #repeat D 0 DQ
        terms$T = fma(q$(T)x$D, subgroupBroadcast(h$D, $(T)u), terms$T);
        #end
        var next$T = largest$T;
        #end
        // The row's largest logit first, so that the running sums are rescaled once a row.
        #repeat J 0 OWS
        #repeat T 0 TALL
        var product$(J)x$T = terms$T;
        #end
        #repeat D 0 DQ
        {
            let k = subgroupBroadcast(k$(J/SIDE)x$D, $(J%SIDE)u);
            #repeat T 0 TALL
            product$(J)x$T = fma(q$(T)x$D, k, product$(J)x$T);
            #end
        }
        #end
        #repeat T 0 TALL
        let logit$(J)x$T = dot(product$(J)x$T, ONES) + across$(J)x$T;
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
        #repeat J 0 OWS
        #repeat T 0 TALL
        let share$(J)x$T = exp(logit$(J)x$T - next$T);
        weight$T += share$(J)x$T;
        #end
        #repeat D 0 DQ
        {
            let v = subgroupBroadcast(v$(J/SIDE)x$D, $(J%SIDE)u);
            #repeat T 0 TALL
            sum$(T)x$D = fma(vec4<f32>(share$(J)x$T), v, sum$(T)x$D);
            #end
        }
        #end
        #end
    }
    #repeat T 0 TALL
    #repeat D 0 DQ
    y[(pixel$T * p.heads + head) * $(DQ)u + $(D)u] = pack(sum$(T)x$D / weight$T);
    #end
    #end
}
