// What the kernels of window attention share: parameters and bindings.
#import shared/dtype
#import shared/index

struct Params {
    batch: u32,
    h: u32,
    w: u32,
    heads: u32,
    pad: u32,
    scale: f32,
}
#params

@group(0) @binding(1) var<storage, read> qkv: array<Store>;             // [batch, h, w, 3, heads, DQ]
@group(0) @binding(2) var<storage, read> rel_height: array<vec4<f32>>;  // [2 OWS - 1, DQ]
@group(0) @binding(3) var<storage, read> rel_width: array<vec4<f32>>;   // [2 OWS - 1, DQ]
@group(0) @binding(4) var<storage, read_write> y: array<Store>;         // [batch, h, w, heads, DQ]
