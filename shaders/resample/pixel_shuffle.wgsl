//! PixelShuffle(2): input channel 4 c + 2 dy + dx at (y, x) goes to channel c at (2 y + dy, 2 x + dx). The four
//! positions of one output channel are one input quad, so a quad of output channels is a 4 x 4 transpose. RESIDUAL: another
//! tensor of the output's shape is added, such as the skip of a U-net.
//! axis DTYPE f32 f16
//! axis WIDE 0 1
#import shared/dtype
#import shared/index

struct Params {
    // Input pixels of the batch and input width.
    pixels: u32,
    w: u32,
    x_quads: u32,
    y_quads: u32,
}
#params

@group(0) @binding(1) var<storage, read> x: array<Store>;         // [pixels, x_quads], x_quads = output channels
@group(0) @binding(2) var<storage, read> residual: array<Store>;  // [n, 2 h, 2 w, y_quads]
@group(0) @binding(3) var<storage, read_write> y: array<Store>;   // [n, 2 h, 2 w, y_quads]

override RESIDUAL: bool = false;

fn channel(pixel: u32, c: u32) -> vec4<f32> {
    if c < p.x_quads { return unpack(x[pixel * p.x_quads + c]); }
    return vec4<f32>(0.0);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear(group, groups) * 64u + local;
    if i >= p.pixels * p.y_quads { return; }
    let quad = i % p.y_quads;
    let pixel = i / p.y_quads;
    let line = pixel / p.w;
    let m = transpose(mat4x4<f32>(
        channel(pixel, 4u * quad),
        channel(pixel, 4u * quad + 1u),
        channel(pixel, 4u * quad + 2u),
        channel(pixel, 4u * quad + 3u),
    ));
    #repeat S 0 4
    let at$S = ((2u * line + $(S/2)u) * 2u * p.w + 2u * (pixel % p.w) + $(S%2)u) * p.y_quads + quad;
    var v$S = m[$S];
    if RESIDUAL { v$S += unpack(residual[at$S]); }
    y[at$S] = pack(v$S);
    #end
}
