//! Resize with half-pixel centres. Bilinear: align_corners off, no antialias, edge clamped. Nearest: floor(i * in / out).
//! axis DTYPE f32 f16
#import shared/dtype
#import shared/index

struct Params {
    batch: u32,
    in_h: u32,
    in_w: u32,
    out_h: u32,
    out_w: u32,
    quads: u32,
}
#params

@group(0) @binding(1) var<storage, read> x: array<Store>;         // [batch, in_h, in_w, quads]
@group(0) @binding(2) var<storage, read_write> y: array<Store>;   // [batch, out_h, out_w, quads]

override NEAREST: bool = false;

struct Tap {
    low: u32,
    high: u32,
    share: f32,
}

fn tap(i: u32, base: u32, to: u32) -> Tap {
    let at = max((f32(i) + 0.5) * f32(base) / f32(to) - 0.5, 0.0);
    let low = min(u32(at), base - 1u);
    return Tap(low, min(low + 1u, base - 1u), at - f32(low));
}

fn load(image: u32, iy: u32, ix: u32, quad: u32) -> vec4<f32> {
    return unpack(x[((image * p.in_h + iy) * p.in_w + ix) * p.quads + quad]);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear(group, groups) * 64u + local;
    let quad = i % p.quads;
    let ox = i / p.quads % p.out_w;
    let oy = i / p.quads / p.out_w % p.out_h;
    let image = i / p.quads / p.out_w / p.out_h;
    if image >= p.batch { return; }
    if NEAREST {
        y[i] = x[((image * p.in_h + oy * p.in_h / p.out_h) * p.in_w + ox * p.in_w / p.out_w) * p.quads + quad];
        return;
    }
    let v = tap(oy, p.in_h, p.out_h);
    let h = tap(ox, p.in_w, p.out_w);
    let top = mix(load(image, v.low, h.low, quad), load(image, v.low, h.high, quad), h.share);
    let bottom = mix(load(image, v.high, h.low, quad), load(image, v.high, h.high, quad), h.share);
    y[i] = pack(mix(top, bottom, v.share));
}
