//! Contraction for adapters whose subgroups are all of LANES lanes: a workgroup is one subgroup and uses no workgroup
//! memory. Every lane loads the rows it owns, four k at a time, and the subgroup broadcasts them into ROWS x COLS
//! accumulators; each lane owns COLS quads of output channels.
//! axis DTYPE f32 f16
//! axis OUT same f32
//! axis WINDOW 0 1
//! axis GATED 0 1
//! axis LOWRANK 0 1
//! axis LANES 4 8
//! axis ROWS 16
//! axis COLS 1 2
//! skip GATED 1 COLS 1
#import matmul/contract_io

@compute @workgroup_size($LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let id = linear(group, groups);
    let panel = id % p.panels;
    let tiles = (p.rows + $(ROWS-1)u) / $(ROWS)u;
    let image = id / p.panels / tiles;
    if image >= p.batch { return; }
    let first = (id / p.panels % tiles) * $(ROWS)u;

    #repeat J 0 ROWS/LANES
    let row$J = min(first + lane + $(J*LANES)u, p.rows - 1u);
    let norm$J = norm_of(image, row$J);
    #end
    #repeat R 0 ROWS
    #repeat N 0 COLS
    var sum$(R)x$N = vec4<f32>(0.0);
    #end
    #end

    var at = image * p.w_batch + panel * (p.kernel_h * p.kernel_w * p.k4 + p.r4) * $(4*COLS*LANES)u + lane;
    #repeat SEGMENT 0 1+LOWRANK
    #if SEGMENT == 0
    for (var ty = 0u; ty < p.kernel_h; ty++) {
        for (var tx = 0u; tx < p.kernel_w; tx++) {
            #repeat J 0 ROWS/LANES
            let base$J = source(image, row$J, ty, tx);
            #end
            for (var k4 = 0u; k4 < p.k4; k4++) {
                let factor = factor_of(image, k4);
                #repeat J 0 ROWS/LANES
                let a$J = operand(base$J, k4, norm$J, factor);
                #end
    #else
    {
        {
            for (var k4 = 0u; k4 < p.r4; k4++) {
                #repeat J 0 ROWS/LANES
                let a$J = unpack(low[(image * p.rows + row$J) * p.r4 + k4]);
                #end
    #endif
                #repeat K 0 4
                {
                    #repeat N 0 COLS
                    let b$N = unpack(w[at + $(K*COLS*LANES+N*LANES)u]);
                    #end
                    #repeat R 0 ROWS
                    {
                        let a = vec4<f32>(subgroupBroadcast(a$(R/LANES)[$K], $(R%LANES)u));
                        #repeat N 0 COLS
                        sum$(R)x$N = fma(a, b$N, sum$(R)x$N);
                        #end
                    }
                    #end
                }
                #end
                at += $(4*COLS*LANES)u;
            }
        }
    }
    #end

    let column = p.first_panel + panel;
    #if GATED == 1
    // COLS is 2: the second quad of a lane is the gate partner of the first.
    let quad = column * $(LANES)u + lane;
    let b0 = bias_of(column * $(2*LANES)u + lane);
    let b1 = bias_of(column * $(2*LANES)u + $(LANES)u + lane);
    if quad < p.n4 {
        #repeat R 0 ROWS
        if first + $(R)u < p.rows { finish(image, first + $(R)u, quad, join(sum$(R)x0 + b0, sum$(R)x1 + b1)); }
        #end
    }
    #else
    #repeat N 0 COLS
    let quad$N = column * $(COLS*LANES)u + $(N*LANES)u + lane;
    if quad$N < p.n4 {
        let b = bias_of(quad$N);
        #repeat R 0 ROWS
        if first + $(R)u < p.rows { finish(image, first + $(R)u, quad$N, sum$(R)x$N + b); }
        #end
    }
    #end
    #endif
}
