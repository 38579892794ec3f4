//! A window of the input, zero outside it: padding and cropping.
//! axis DTYPE f32 f16
//! axis OUT same f32
#import shared/dtype
#import shared/index

struct Params {
    batch: u32,
    in_h: u32,
    in_w: u32,
    out_h: u32,
    out_w: u32,
    quads: u32,
    // Where output (0, 0) lies in the input; may be negative.
    top: i32,
    left: i32,
}
#params

@group(0) @binding(1) var<storage, read> x: array<Store>;             // [batch, in_h, in_w, quads]
#if OUT == f32
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;   // [batch, out_h, out_w, quads]
fn store(at: u32, v: vec4<f32>) { y[at] = v; }
#else
@group(0) @binding(2) var<storage, read_write> y: array<Store>;       // [batch, out_h, out_w, quads]
fn store(at: u32, v: vec4<f32>) { y[at] = pack(v); }
#endif

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear(group, groups) * 64u + local;
    let quad = i % p.quads;
    let ix = i32(i / p.quads % p.out_w) + p.left;
    let iy = i32(i / p.quads / p.out_w % p.out_h) + p.top;
    let image = i / p.quads / p.out_w / p.out_h;
    if image >= p.batch { return; }
    var v = vec4<f32>(0.0);
    if ix >= 0 && iy >= 0 && ix < i32(p.in_w) && iy < i32(p.in_h) {
        v = unpack(x[((image * p.in_h + u32(iy)) * p.in_w + u32(ix)) * p.quads + quad]);
    }
    store(i, v);
}
