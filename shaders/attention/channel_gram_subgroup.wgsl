//! Gram matrices q k^T over a chunk of pixels and the squared L2 norms, for every head (MDTA, Zamir et al. 2022,
//! "Restormer", eq. 1). One subgroup a workgroup: each lane owns a quad of k channels, QUADS quads of q channels are
//! broadcast from the lanes that loaded them.
//! axis DTYPE f32 f16
//! axis WIDE 0 1
//! axis LANES 4 8
//! axis QUADS 1 4
#import attention/gram_io

// Pixels a round: the sums do not fit the registers of a CPU, and travel to memory and back once for all of them.
#let PIXELS 4

@compute @workgroup_size($LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let id = linear(group, groups);
    let k_tile = id % p.k_tiles;
    let q_tile = id / p.k_tiles % p.q_tiles;
    let head = id / p.k_tiles / p.q_tiles % p.heads;
    let chunk = id / p.k_tiles / p.q_tiles / p.heads % p.chunks;
    let image = id / p.k_tiles / p.q_tiles / p.heads / p.chunks;
    if image >= p.batch { return; }

    let j = k_tile * $(LANES)u + lane;
    let i = q_tile * $(QUADS)u + min(lane, $(QUADS-1)u);
    let size = (p.pixels + p.chunks - 1u) / p.chunks;
    let first = image * p.pixels + chunk * size;
    let count = min(size, p.pixels - min(p.pixels, chunk * size));
    var at_q = first * p.q_stride + p.q_offset + head * p.cq + min(i, p.cq - 1u);
    var at_k = first * p.k_stride + p.k_offset + head * p.cq + min(j, p.cq - 1u);
    #repeat R 0 4*QUADS
    var sum$R = vec4<f32>(0.0);
    #end
    var squares_q = vec4<f32>(0.0);
    var squares_k = vec4<f32>(0.0);
    for (var n = 0u; n < count; n += $(PIXELS)u) {
        #repeat P 0 PIXELS
        let inside$P = f32(n + $(P)u < count);
        let step$P = min($(P)u, count - 1u - n);
        let a$P = unpack(q[at_q + step$P * p.q_stride]) * inside$P;
        let b$P = unpack(k[at_k + step$P * p.k_stride]) * inside$P;
        #end
        #repeat R 0 4*QUADS
        #repeat P 0 PIXELS
        sum$R = fma(vec4<f32>(subgroupBroadcast(a$P[$(R%4)], $(R/4)u)), b$P, sum$R);
        #end
        #end
        // The first q tile measures k, the first k tile measures q: every channel once.
        #repeat P 0 PIXELS
        squares_q += a$P * a$P;
        squares_k += b$P * b$P;
        #end
        at_q += $(PIXELS)u * p.q_stride;
        at_k += $(PIXELS)u * p.k_stride;
    }
    var out = ((image * p.chunks + chunk) * p.heads + head) * gram_size(p.cq);
    if j < p.cq {
        #repeat R 0 4*QUADS
        if q_tile * $(QUADS)u + $(R/4)u < p.cq { y[out + (q_tile * $(4*QUADS)u + $(R)u) * p.cq + j] = sum$R; }
        #end
        if q_tile == 0u { y[out + 4u * p.cq * p.cq + p.cq + j] = squares_k; }
    }
    if k_tile == 0u {
        if lane < $(QUADS)u && i < p.cq { y[out + 4u * p.cq * p.cq + i] = squares_q; }
    }
}
