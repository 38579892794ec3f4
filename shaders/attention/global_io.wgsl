// What the kernels of global attention share: parameters, bindings, the mask. One that cuts a head into PARTS is told its
// width, which the others have as DQ.
#import shared/dtype
#import shared/index

struct Params {
    batch: u32,
    queries: u32,
    keys: u32,
    heads: u32,
    #if PARTS == 4
    // Quads of one head.
    dq: u32,
    #endif
    // Token strides and first quads.
    q_stride: u32,
    q_offset: u32,
    k_stride: u32,
    k_offset: u32,
    v_stride: u32,
    v_offset: u32,
    scale: f32,
    // Images of K and V: 1 when all images share one prompt, else batch.
    k_batch: u32,
}
#params

@group(0) @binding(1) var<storage, read> q: array<Store>;         // [batch, queries, q_stride]
@group(0) @binding(2) var<storage, read> k: array<Store>;         // [k_batch, keys, k_stride]
@group(0) @binding(3) var<storage, read> v: array<Store>;         // [k_batch, keys, v_stride]
@group(0) @binding(4) var<storage, read_write> y: array<Store>;   // [batch, queries, heads, DQ]

override CAUSAL: bool = false;
