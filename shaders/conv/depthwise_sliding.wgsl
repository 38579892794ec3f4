//! Depthwise 3x3 convolution, stride 1, zero padding 1, for adapters that run on a CPU and load wide. An invocation slides
//! down DOWN rows of STRIP pixels for one quad of channels: a row of pixels is loaded once and added to the sums of the
//! three rows it reaches, of which the first is then whole. A gated kernel does so for both halves and stores
//! activation(first) * second. QUADS 2: for two neighbouring quads, which share their loads and stores.
//! axis DTYPE f32 f16
//! axis GATED 0 1
//! axis STRIP 4
//! axis DOWN 16
//! axis QUADS 1 2
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
    let quads = p.y_quads / $(QUADS)u;
    let quad = $(QUADS)u * (id % quads);
    let ox = id / quads % across * $(STRIP)u;
    let top = id / quads / across % slabs * $(DOWN)u;
    let image = id / quads / across / slabs;
    if image >= p.batch { return; }
    // Zero, since none of these reaches 2^31, which the driver does not know; read here, it does not read them again (as
    // gathers) for every row.
    let zero = (p.batch | p.h | p.w | p.x_quads | p.y_quads) >> 31u;

    #repeat Q 0 QUADS
    #repeat H 0 1+GATED
    let start$(H)x$Q = bias_of(quad + $(Q)u + $(H)u * p.y_quads);
    #repeat K 0 9
    let k$(H)x$(Q)x$K = plain(unpack(weight[image * p.w_batch + $(K)u * p.x_quads + $(H)u * p.y_quads + quad + $(Q)u]), zero);
    #end
    #repeat S 0 STRIP
    // Sums of the row before the next one to be loaded, and of that one.
    var above$(H)x$(Q)x$S = start$(H)x$Q;
    var here$(H)x$(Q)x$S = start$(H)x$Q;
    #end
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
        let from$(H)x$X = x[(row + at$X + $(H)u * p.y_quads) / $(QUADS)u];
        #end
        #repeat Q 0 QUADS
        #repeat X 0 STRIP+2
        #if QUADS == 2
        let loaded$(H)x$(Q)x$X = quad_in(from$(H)x$X, $(Q)u);
        #else
        let loaded$(H)x$(Q)x$X = unpack(from$(H)x$X);
        #endif
        let v$(H)x$(Q)x$X = select(vec4<f32>(0.0), loaded$(H)x$(Q)x$X, inside && within$X);
        #end
        #repeat S 0 STRIP
        var done$(H)x$(Q)x$S = above$(H)x$(Q)x$S;
        above$(H)x$(Q)x$S = here$(H)x$(Q)x$S;
        here$(H)x$(Q)x$S = start$(H)x$Q;
        #repeat K 0 3
        done$(H)x$(Q)x$S = fma(k$(H)x$(Q)x$(K+6), v$(H)x$(Q)x$(S+K), done$(H)x$(Q)x$S);
        above$(H)x$(Q)x$S = fma(k$(H)x$(Q)x$(K+3), v$(H)x$(Q)x$(S+K), above$(H)x$(Q)x$S);
        here$(H)x$(Q)x$S = fma(k$(H)x$(Q)x$K, v$(H)x$(Q)x$(S+K), here$(H)x$(Q)x$S);
        #end
        #end
        #end
        #end
        // The first two rows are only begun.
        if j >= 2u {
            let out = ((image * p.h + top + j - 2u) * p.w + ox) * p.y_quads + quad;
            #repeat S 0 STRIP
            if ox + $(S)u < p.w {
                #repeat Q 0 QUADS
                #if GATED == 1
                let value$Q = activate(done0x$(Q)x$S, GATE) * done1x$(Q)x$S;
                #else
                let value$Q = activate(done0x$(Q)x$S, ACTIVATION);
                #endif
                #end
                #if QUADS == 2
                y[(out + $(S)u * p.y_quads) / 2u] = paired(value0, value1);
                #else
                y[out + $(S)u * p.y_quads] = pack(value0);
                #endif
            }
            #end
        }
    }
}
