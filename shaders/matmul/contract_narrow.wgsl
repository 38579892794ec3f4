//! 3x3 convolution, stride 1, padding 1, to one quad of channels, where a panel of columns would be nearly empty. For
//! adapters that run on a CPU and load wide. Each lane owns a strip of STRIP pixels of a row, so that a pixel is loaded
//! once for three taps; the lanes share out the weights of a quad of channels and broadcast them.
//! axis DTYPE f32 f16
//! axis OUT same f32
//! axis WINDOW 1
//! axis LANES 4 8
//! axis WIDE 1
//! axis STRIP 8
#import matmul/contract_io

@compute @workgroup_size($LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let across = (p.out_w + $(STRIP-1)u) / $(STRIP)u;
    let out_h = p.rows / p.out_w;
    // Lanes past the end repeat the last strip: all lanes of a subgroup take part in its broadcasts.
    let id = min(linear(group, groups) * $(LANES)u + lane, p.batch * out_h * across - 1u);
    let ox = id % across * $(STRIP)u;
    let oy = id / across % out_h;
    let image = id / across / out_h;
    let start = bias_of(0u);
    #repeat S 0 STRIP
    var sum$S = start;
    #end
    for (var ky = 0u; ky < 3u; ky++) {
        let iy = i32(oy + ky) - 1;
        let row = (image * p.in_h + u32(clamp(iy, 0, i32(p.in_h) - 1))) * p.in_w;
        #repeat X 0 STRIP+2
        let ix$X = i32(ox) + $X - 1;
        let at$X = (row + u32(clamp(ix$X, 0, i32(p.in_w) - 1))) * p.x_stride + p.x_offset;
        let inside$X = iy >= 0 && iy < i32(p.in_h) && ix$X >= 0 && ix$X < i32(p.in_w);
        #end
        for (var k4 = 0u; k4 < p.k4; k4++) {
            // Twelve quads of weights: tap m / 4 of this row of taps, channel m % 4 of this quad.
            #repeat J 0 11/LANES+1
            let m$J = min(lane + $(J*LANES)u, 11u);
            let w$J = unpack(w[((ky * 3u + m$J / 4u) * p.k4 * 4u + k4 * 4u + m$J % 4u) * $(2*LANES)u]);
            #end
            #repeat X 0 STRIP+2
            let v$X = select(vec4<f32>(0.0), unpack(x[at$X + k4]), inside$X);
            #end
            #repeat M 0 12
            {
                let b = subgroupBroadcast(w$(M/LANES), $(M%LANES)u);
                #repeat S 0 STRIP
                sum$S = fma(vec4<f32>(v$(S+M/4)[$(M%4)]), b, sum$S);
                #end
            }
            #end
        }
    }
    #repeat S 0 STRIP
    if ox + $(S)u < p.out_w { finish(image, oy * p.out_w + ox + $(S)u, 0u, sum$S); }
    #end
}
