//! PixelUnshuffle(2): output channel 4 c + 2 dy + dx at (y, x) is input channel c at (2 y + dy, 2 x + dx). One output
//! quad holds the four positions of one input channel, so a quad of input channels is a 4 x 4 transpose.
//! axis DTYPE f32 f16
#import shared/dtype
#import shared/index

struct Params {
    // Output pixels of the batch and output width.
    pixels: u32,
    w: u32,
    x_quads: u32,
    y_quads: u32,
}
#params

@group(0) @binding(1) var<storage, read> x: array<Store>;         // [n, 2 h, 2 w, x_quads]
@group(0) @binding(2) var<storage, read_write> y: array<Store>;   // [pixels, y_quads], y_quads = input channels

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear(group, groups) * 64u + local;
    if i >= p.pixels * p.x_quads { return; }
    let quad = i % p.x_quads;
    let pixel = i / p.x_quads;
    let line = pixel / p.w;
    #repeat S 0 4
    let v$S = unpack(x[((2u * line + $(S/2)u) * 2u * p.w + 2u * (pixel % p.w) + $(S%2)u) * p.x_quads + quad]);
    #end
    let m = transpose(mat4x4<f32>(v0, v1, v2, v3));
    #repeat C 0 4
    if 4u * quad + $(C)u < p.y_quads { y[pixel * p.y_quads + 4u * quad + $(C)u] = pack(m[$C]); }
    #end
}
