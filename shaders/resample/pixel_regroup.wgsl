//! PixelShuffle(r) and its inverse for any r. Channel c r^2 + dy r + dx of a coarse pixel is channel c at (dy, dx) of
//! its r x r block of fine pixels. A quad of outputs is gathered channel by channel; for r = 2 the kernels
//! pixel_shuffle and pixel_unshuffle move whole quads.
//! axis DTYPE f32 f16
#import shared/dtype
#import shared/index

struct Params {
    batch: u32,
    // Output size and the channels that carry values.
    h: u32,
    w: u32,
    channels: u32,
    x_quads: u32,
    y_quads: u32,
    factor: u32,
}
#params

@group(0) @binding(1) var<storage, read> x: array<Store>;         // [batch, in_h, in_w, x_quads]
@group(0) @binding(2) var<storage, read_write> y: array<Store>;   // [batch, h, w, y_quads]

// The output is the fine picture; else the coarse one.
override FINE: bool = false;

fn value(image: u32, oy: u32, ox: u32, c: u32) -> f32 {
    let r = p.factor;
    if FINE {
        let from_c = (c * r + oy % r) * r + ox % r;
        let pixel = (image * (p.h / r) + oy / r) * (p.w / r) + ox / r;
        return unpack(x[pixel * p.x_quads + from_c / 4u])[from_c % 4u];
    }
    let position = c % (r * r);
    let from_c = c / (r * r);
    let pixel = (image * p.h * r + oy * r + position / r) * p.w * r + ox * r + position % r;
    return unpack(x[pixel * p.x_quads + from_c / 4u])[from_c % 4u];
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear(group, groups) * 64u + local;
    let quad = i % p.y_quads;
    let ox = i / p.y_quads % p.w;
    let oy = i / p.y_quads / p.w % p.h;
    let image = i / p.y_quads / p.w / p.h;
    if image >= p.batch { return; }
    var v = vec4<f32>(0.0);
    #repeat J 0 4
    if 4u * quad + $(J)u < p.channels { v[$J] = value(image, oy, ox, 4u * quad + $(J)u); }
    #end
    y[i] = pack(v);
}
