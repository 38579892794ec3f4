//! Gram matrices q k^T over a chunk of pixels and the squared L2 norms, for every head (MDTA, Zamir et al. 2022,
//! "Restormer", eq. 1). 64 invocations share 32 pixels of 8 quads of q and of k in workgroup memory; each sums one
//! quad of q against one quad of k, and squares what it loads.
//! axis DTYPE f32 f16
#import attention/gram_io

const PIXELS = 32u;

var<workgroup> tile_q: array<vec4<f32>, 256>; // [PIXELS, 8 quads]
var<workgroup> tile_k: array<vec4<f32>, 256>; // [PIXELS, 8 quads]

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = linear(group, groups);
    let k_tile = id % p.k_tiles;
    let q_tile = id / p.k_tiles % p.q_tiles;
    let head = id / p.k_tiles / p.q_tiles % p.heads;
    let chunk = id / p.k_tiles / p.q_tiles / p.heads % p.chunks;
    let image = id / p.k_tiles / p.q_tiles / p.heads / p.chunks;
    if image >= p.batch { return; }

    let size = (p.pixels + p.chunks - 1u) / p.chunks;
    let start = chunk * size;
    let end = min(start + size, p.pixels);
    // The quad this invocation loads, and the pair of quads it sums.
    let load_q = q_tile * 8u + local % 8u;
    let load_k = k_tile * 8u + local % 8u;
    let own_q = local / 8u;
    let own_k = local % 8u;
    var s0 = vec4<f32>(0.0);
    var s1 = vec4<f32>(0.0);
    var s2 = vec4<f32>(0.0);
    var s3 = vec4<f32>(0.0);
    var squares_q = vec4<f32>(0.0);
    var squares_k = vec4<f32>(0.0);
    for (var base = start; base < end; base += PIXELS) {
        #repeat R 0 4
        let n$R = base + local / 8u + $(8*R)u;
        var a$R = vec4<f32>(0.0);
        var b$R = vec4<f32>(0.0);
        if n$R < end {
            let pixel = image * p.pixels + n$R;
            if load_q < p.cq { a$R = unpack(q[pixel * p.q_stride + p.q_offset + head * p.cq + load_q]); }
            if load_k < p.cq { b$R = unpack(k[pixel * p.k_stride + p.k_offset + head * p.cq + load_k]); }
        }
        #end
        #repeat R 0 4
        tile_q[local + $(64*R)u] = a$R;
        tile_k[local + $(64*R)u] = b$R;
        squares_q = fma(a$R, a$R, squares_q);
        squares_k = fma(b$R, b$R, squares_k);
        #end
        workgroupBarrier();
        let count = min(PIXELS, end - base);
        for (var m = 0u; m < count; m++) {
            let qv = tile_q[m * 8u + own_q];
            let kv = tile_k[m * 8u + own_k];
            s0 = fma(vec4<f32>(qv.x), kv, s0);
            s1 = fma(vec4<f32>(qv.y), kv, s1);
            s2 = fma(vec4<f32>(qv.z), kv, s2);
            s3 = fma(vec4<f32>(qv.w), kv, s3);
        }
        workgroupBarrier();
    }
    let out = ((image * p.chunks + chunk) * p.heads + head) * gram_size(p.cq);
    let i = q_tile * 8u + own_q;
    let j = k_tile * 8u + own_k;
    if i < p.cq && j < p.cq {
        y[out + (4u * i) * p.cq + j] = s0;
        y[out + (4u * i + 1u) * p.cq + j] = s1;
        y[out + (4u * i + 2u) * p.cq + j] = s2;
        y[out + (4u * i + 3u) * p.cq + j] = s3;
    }
    // The first k tile measures q, the first q tile measures k: every channel once.
    tile_q[local] = squares_q;
    tile_k[local] = squares_k;
    workgroupBarrier();
    if local >= 8u { return; }
    for (var m = 1u; m < 8u; m++) {
        squares_q += tile_q[m * 8u + local];
        squares_k += tile_k[m * 8u + local];
    }
    if k_tile == 0u && load_q < p.cq { y[out + 4u * p.cq * p.cq + load_q] = squares_q; }
    if q_tile == 0u && load_k < p.cq { y[out + 4u * p.cq * p.cq + p.cq + load_k] = squares_k; }
}
