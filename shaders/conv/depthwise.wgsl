//! Depthwise KERNEL x KERNEL convolution, stride 1, zero padding KERNEL / 2. An invocation computes TALL rows of
//! STRIP pixels for one quad of channels; a gated kernel does so for both halves and stores activation(first) * second.
//! axis DTYPE f32 f16
//! axis GATED 0 1
//! axis KERNEL 3 7
//! axis STRIP 4 8
//! axis TALL 1 4
//! axis WIDE 0 1
//! skip STRIP 4 TALL 1
//! skip STRIP 8 TALL 4
//! skip KERNEL 7 TALL 4
#import shared/dtype
#import shared/index
#import shared/activation

struct Params {
    batch: u32,
    h: u32,
    w: u32,
    // Quads of the input and of the output (half of the input's when gated).
    x_quads: u32,
    y_quads: u32,
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

fn bias_of(quad: u32) -> vec4<f32> {
    if BIAS { return bias[quad]; }
    return vec4<f32>(0.0);
}

fn tap(image: u32, tap: u32, quad: u32) -> vec4<f32> { return unpack(weight[image * p.w_batch + tap * p.x_quads + quad]); }

// A pixel in the row that begins at `row`, or zero outside.
fn pixel(row: u32, ix: i32, quad: u32, inside: bool) -> vec4<f32> {
    let v = unpack(x[(row + u32(clamp(ix, 0, i32(p.w) - 1))) * p.x_quads + quad]);
    return select(vec4<f32>(0.0), v, inside && ix >= 0 && ix < i32(p.w));
}

fn block(image: u32, oy: u32, ox: u32, quad: u32) -> array<vec4<f32>, $(TALL*STRIP)> {
    let b = bias_of(quad);
    #repeat T 0 TALL
    #repeat S 0 STRIP
    var sum$(T)x$S = b;
    #end
    #end
    #if TALL == 1
    for (var ky = 0u; ky < $(KERNEL)u; ky++) {
        let iy = i32(oy + ky) - $(KERNEL/2);
        if iy < 0 || iy >= i32(p.h) { continue; }
        let row = (image * p.h + u32(iy)) * p.w;
        #repeat X 0 STRIP+KERNEL-1
        let v$X = pixel(row, i32(ox) + $X - $(KERNEL/2), quad, true);
        #end
        #repeat K 0 KERNEL
        {
            let k = tap(image, ky * $(KERNEL)u + $(K)u, quad);
            #repeat S 0 STRIP
            sum0x$S = fma(k, v$(S+K), sum0x$S);
            #end
        }
        #end
    }
    #else
    // All pixels first: each is loaded once for up to KERNEL x KERNEL outputs.
    #repeat Y 0 TALL+KERNEL-1
    let iy$Y = i32(oy) + $Y - $(KERNEL/2);
    let row$Y = (image * p.h + u32(clamp(iy$Y, 0, i32(p.h) - 1))) * p.w;
    #repeat X 0 STRIP+KERNEL-1
    let v$(Y)x$X = pixel(row$Y, i32(ox) + $X - $(KERNEL/2), quad, iy$Y >= 0 && iy$Y < i32(p.h));
    #end
    #end
    #repeat J 0 KERNEL
    #repeat K 0 KERNEL
    {
        let k = tap(image, $(J*KERNEL+K)u, quad);
        #repeat T 0 TALL
        #repeat S 0 STRIP
        sum$(T)x$S = fma(k, v$(T+J)x$(S+K), sum$(T)x$S);
        #end
        #end
    }
    #end
    #end
    #endif
    var out: array<vec4<f32>, $(TALL*STRIP)>;
    #repeat T 0 TALL
    #repeat S 0 STRIP
    out[$(T*STRIP+S)] = sum$(T)x$S;
    #end
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
    let across = (p.w + $(STRIP-1)u) / $(STRIP)u;
    let down = (p.h + $(TALL-1)u) / $(TALL)u;
    let quad = id % p.y_quads;
    let ox = id / p.y_quads % across * $(STRIP)u;
    let oy = id / p.y_quads / across % down * $(TALL)u;
    let image = id / p.y_quads / across / down;
    if image >= p.batch { return; }

    var a = block(image, oy, ox, quad);
    #if GATED == 1
    var b = block(image, oy, ox, quad + p.y_quads);
    #endif
    #repeat T 0 TALL
    #repeat S 0 STRIP
    if ox + $(S)u < p.w && oy + $(T)u < p.h {
        let at = ((image * p.h + oy + $(T)u) * p.w + ox + $(S)u) * p.y_quads + quad;
        #if GATED == 1
        y[at] = pack(activate(a[$(T*STRIP+S)], GATE) * b[$(T*STRIP+S)]);
        #else
        y[at] = pack(activate(a[$(T*STRIP+S)], ACTIVATION));
        #endif
    }
    #end
    #end
}
