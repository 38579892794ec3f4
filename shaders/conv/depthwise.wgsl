//! Depthwise KERNEL x KERNEL convolution, stride 1, zero padding KERNEL / 2. An invocation computes STRIP pixels of a
//! row for one quad of channels; a gated kernel does so for both halves and stores activation(first) * second.
//! axis DTYPE f32 f16
//! axis GATED 0 1
//! axis KERNEL 3 7
//! axis STRIP 8
#import shared/dtype
#import shared/index
#import shared/activation

struct Params {
    batch: u32,
    h: u32,
    w: u32,
    // Quads of the input and of the output (half of the input's when gated), strips of a row.
    x_quads: u32,
    y_quads: u32,
    strips: u32,
    // Vectors from one image's weights to the next; 0 when all share them.
    w_batch: u32,
}
#params

@group(0) @binding(1) var<storage, read> x: array<Store>;            // [batch, h, w, x_quads]
@group(0) @binding(2) var<storage, read> weight: array<Store>;       // [batch?, KERNEL * KERNEL, x_quads]
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;     // [x_quads]
@group(0) @binding(4) var<storage, read_write> y: array<Store>;      // [batch, h, w, y_quads]

override BIAS: bool = false;
override ACTIVATION: u32 = 0u;
override GATE: u32 = 0u;

fn strip(image: u32, oy: u32, ox: u32, quad: u32) -> array<vec4<f32>, $STRIP> {
    var b = vec4<f32>(0.0);
    if BIAS { b = bias[quad]; }
    #repeat S 0 STRIP
    var sum$S = b;
    #end
    for (var ky = 0u; ky < $(KERNEL)u; ky++) {
        let iy = i32(oy + ky) - $(KERNEL/2);
        if iy < 0 || iy >= i32(p.h) { continue; }
        let row = (image * p.h + u32(iy)) * p.w;
        #repeat I 0 STRIP+KERNEL-1
        let ix$I = i32(ox) + $I - $(KERNEL/2);
        let in$I = ix$I >= 0 && ix$I < i32(p.w);
        let v$I = select(vec4<f32>(0.0), unpack(x[(row + u32(select(0, ix$I, in$I))) * p.x_quads + quad]), in$I);
        #end
        #repeat K 0 KERNEL
        {
            let k = unpack(weight[image * p.w_batch + (ky * $(KERNEL)u + $(K)u) * p.x_quads + quad]);
            #repeat S 0 STRIP
            sum$S = fma(k, v$(S+K), sum$S);
            #end
        }
        #end
    }
    var out: array<vec4<f32>, $STRIP>;
    #repeat S 0 STRIP
    out[$S] = sum$S;
    #end
    return out;
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = linear(group, groups) * 64u + local;
    let quad = id % p.y_quads;
    let ox = id / p.y_quads % p.strips * $(STRIP)u;
    let oy = id / p.y_quads / p.strips % p.h;
    let image = id / p.y_quads / p.strips / p.h;
    if image >= p.batch { return; }

    var a = strip(image, oy, ox, quad);
    #if GATED == 1
    var b = strip(image, oy, ox, quad + p.y_quads);
    #endif
    let at = ((image * p.h + oy) * p.w + ox) * p.y_quads + quad;
    #repeat S 0 STRIP
    if ox + $(S)u < p.w {
        #if GATED == 1
        y[at + $(S)u * p.y_quads] = pack(activate(a[$S], GATE) * b[$S]);
        #else
        y[at + $(S)u * p.y_quads] = pack(activate(a[$S], ACTIVATION));
        #endif
    }
    #end
}
