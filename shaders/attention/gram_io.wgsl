// What the kernels of Gram matrices share: parameters and bindings.
#import shared/dtype
#import shared/index
#import attention/channel_io

struct Params {
    batch: u32,
    pixels: u32,
    chunks: u32,
    heads: u32,
    // Quads of channels of one head.
    cq: u32,
    // Pixel strides and first quads of q and k.
    q_stride: u32,
    q_offset: u32,
    k_stride: u32,
    k_offset: u32,
    q_tiles: u32,
    k_tiles: u32,
}
#params

@group(0) @binding(1) var<storage, read> q: array<Store>;              // [batch, pixels, q_stride]
@group(0) @binding(2) var<storage, read> k: array<Store>;              // [batch, pixels, k_stride]
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;    // [batch, chunks, heads, gram_size]
