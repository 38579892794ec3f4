//! Depthwise KERNEL x KERNEL convolution, stride 1, zero padding KERNEL / 2. An invocation computes a strip of eight pixels
//! for one quad of channels; a gated kernel does so for both halves and stores activation(first) * second.
//! axis DTYPE f32 f16
//! axis GATED 0 1
//! axis KERNEL 3 7
//! axis WIDE 0 1
#import conv/depthwise_io

fn tap(image: u32, tap: u32, quad: u32) -> vec4<f32> { return unpack(weight[image * p.w_batch + tap * p.x_quads + quad]); }

// A pixel in the row that begins at `row`, or zero outside.
fn pixel(row: u32, ix: i32, quad: u32) -> vec4<f32> {
    let v = unpack(x[(row + u32(clamp(ix, 0, i32(p.w) - 1))) * p.x_quads + quad]);
    return select(vec4<f32>(0.0), v, ix >= 0 && ix < i32(p.w));
}

fn strip(image: u32, oy: u32, ox: u32, quad: u32) -> array<vec4<f32>, 8> {
    let b = bias_of(quad);
    #repeat S 0 8
    var sum$S = b;
    #end
    for (var ky = 0u; ky < $(KERNEL)u; ky++) {
        let iy = i32(oy + ky) - $(KERNEL/2);
        if iy < 0 || iy >= i32(p.h) { continue; }
        let row = (image * p.h + u32(iy)) * p.w;
        #repeat X 0 KERNEL+7
        let v$X = pixel(row, i32(ox) + $X - $(KERNEL/2), quad);
        #end
        #repeat K 0 KERNEL
        {
            let k = tap(image, ky * $(KERNEL)u + $(K)u, quad);
            #repeat S 0 8
            sum$S = fma(k, v$(S+K), sum$S);
            #end
        }
        #end
    }
    return array<vec4<f32>, 8>(sum0, sum1, sum2, sum3, sum4, sum5, sum6, sum7);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = linear(group, groups) * 64u + local;
    let across = (p.w + 7u) / 8u;
    let quad = id % p.y_quads;
    let ox = id / p.y_quads % across * 8u;
    let oy = id / p.y_quads / across % p.h;
    let image = id / p.y_quads / across / p.h;
    if image >= p.batch { return; }

    var a = strip(image, oy, ox, quad);
    #if GATED == 1
    var b = strip(image, oy, ox, quad + p.y_quads);
    #endif
    #repeat S 0 8
    if ox + $(S)u < p.w {
        let at = ((image * p.h + oy) * p.w + ox + $(S)u) * p.y_quads + quad;
        #if GATED == 1
        y[at] = pack(activate(a[$S], GATE) * b[$S]);
        #else
        y[at] = pack(activate(a[$S], ACTIVATION));
        #endif
    }
    #end
}
