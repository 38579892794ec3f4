//! Depthwise 3x3 convolution, stride 1, zero padding 1, for adapters that run on a CPU and load wide. An invocation slides
//! down DOWN rows of STRIP pixels for one quad of channels: a row of pixels is loaded once and added to the sums of the
//! three rows it reaches, of which the first is then whole. A gated kernel does so for both halves and stores
//! activation(first) * second.
//! axis DTYPE f32 f16
//! axis GATED 0 1
//! axis STRIP 4
//! axis DOWN 16
//! axis WIDE 1
#import conv/depthwise_io

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = linear(group, groups) * 64u + local;
    let across = (p.w + $(STRIP-1)u) / $(STRIP)u;
    let slabs = (p.h + $(DOWN-1)u) / $(DOWN)u;
    let quad = id % p.y_quads;
    let ox = id / p.y_quads % across * $(STRIP)u;
    let top = id / p.y_quads / across % slabs * $(DOWN)u;
    let image = id / p.y_quads / across / slabs;
    if image >= p.batch { return; }
    // A batch has less than 2^31 images.
    let zero = p.batch >> 31u;

    #repeat H 0 1+GATED
    let start$H = bias_of(quad + $(H)u * p.y_quads);
    #repeat K 0 9
    let k$(H)x$K = plain(unpack(weight[image * p.w_batch + $(K)u * p.x_quads + $(H)u * p.y_quads + quad]), zero);
    #end
    #repeat S 0 STRIP
    // Sums of the row before the next one to be loaded, and of that one.
    var above$(H)x$S = start$H;
    var here$(H)x$S = start$H;
    #end
    #end
    #repeat X 0 STRIP+2
    let ix$X = i32(ox) + $X - 1;
    let at$X = u32(clamp(ix$X, 0, i32(p.w) - 1)) * p.x_quads + quad;
    let within$X = ix$X >= 0 && ix$X < i32(p.w);
    #end

    let end = min($(DOWN)u, p.h - top) + 2u;
    for (var j = 0u; j < end; j++) {
        let iy = i32(top + j) - 1;
        let row = (image * p.h + u32(clamp(iy, 0, i32(p.h) - 1))) * p.w * p.x_quads;
        let inside = iy >= 0 && iy < i32(p.h);
        #repeat H 0 1+GATED
        #repeat X 0 STRIP+2
        let v$(H)x$X = select(vec4<f32>(0.0), unpack(x[row + at$X + $(H)u * p.y_quads]), inside && within$X);
        #end
        #repeat S 0 STRIP
        var done$(H)x$S = above$(H)x$S;
        above$(H)x$S = here$(H)x$S;
        here$(H)x$S = start$H;
        #repeat K 0 3
        done$(H)x$S = fma(k$(H)x$(K+6), v$(H)x$(S+K), done$(H)x$S);
        above$(H)x$S = fma(k$(H)x$(K+3), v$(H)x$(S+K), above$(H)x$S);
        here$(H)x$S = fma(k$(H)x$K, v$(H)x$(S+K), here$(H)x$S);
        #end
        #end
        #end
        // The first two rows are only begun.
        if j >= 2u {
            let out = ((image * p.h + top + j - 2u) * p.w + ox) * p.y_quads + quad;
            #repeat S 0 STRIP
            if ox + $(S)u < p.w {
                #if GATED == 1
                y[out + $(S)u * p.y_quads] = pack(activate(done0x$S, GATE) * done1x$S);
                #else
                y[out + $(S)u * p.y_quads] = pack(activate(done0x$S, ACTIVATION));
                #endif
            }
            #end
        }
    }
}
