//! Contraction for adapters whose subgroups are all of LANES lanes: a workgroup is one subgroup and uses no workgroup
//! memory. Every lane loads the rows it owns, four k at a time, and the subgroup broadcasts them into ROWS x COLS
//! accumulators; each lane owns COLS neighbouring quads of output channels. A lane's row is finished for all four k
//! before the next begins, so that its sums stay in registers. WIDE loads and stores 64-bit integers, and a lane's two
//! quads at once (PAIRED, which takes an even number of output quads, and which a gated panel does not allow: its halves
//! lie apart); its panels are two quads a lane wide, of which COLS 1 computes the first half. WIDE has more rows than
//! registers hold, as a row costs less than the weights' loads, but no more than the instruction cache holds code for.
//! axis DTYPE f32 f16
//! axis OUT same f32
//! axis WINDOW 0 1
//! axis GATED 0 1
//! axis LOWRANK 0 1
//! axis LANES 4 8
//! axis ROWS 16 24 32
//! axis COLS 1 2
//! axis WIDE 0 1
//! axis PAIRED 0 1
//! skip GATED 1 COLS 1
//! skip WIDE 0 ROWS 24
//! skip WIDE 0 ROWS 32
//! skip WIDE 0 PAIRED 1
//! skip WIDE 1 ROWS 16
//! skip WIDE 1 COLS 1 ROWS 24
//! skip WIDE 1 COLS 2 ROWS 32
//! skip COLS 1 PAIRED 1
//! skip GATED 1 PAIRED 1
#import matmul/contract_io
#import matmul/contract_panel

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

    // A batch has less than 2^31 images.
    let zero = p.batch >> 31u;

    #repeat J 0 ROWS/LANES+ROWS%LANES/8
    let row$J = min(first + lane + $(J*LANES)u, p.rows - 1u);
    let norm$J = norm_of(image, row$J);
    let corner$J = corner(row$J);
    #end
    #repeat R 0 ROWS
    #repeat N 0 COLS
    var sum$(R)x$N = vec4<f32>(0.0);
    #end
    #end

    var at = image * p.w_batch + (p.skipped + panel) * (p.kernel_h * p.kernel_w * p.k4 + p.r4) * 4u * PANEL;
    #repeat SEGMENT 0 1+LOWRANK
    #if SEGMENT == 0
    for (var ty = 0u; ty < p.kernel_h; ty++) {
        for (var tx = 0u; tx < p.kernel_w; tx++) {
            #repeat J 0 ROWS/LANES+ROWS%LANES/8
            let base$J = source(image, row$J, corner$J, ty, tx);
            #end
            for (var k4 = 0u; k4 < p.k4; k4++) {
                let factor = factor_of(image, k4);
                #repeat J 0 ROWS/LANES+ROWS%LANES/8
                let a$J = plain(operand(base$J, k4, norm$J, factor), zero);
                #end
    #else
    {
        {
            for (var k4 = 0u; k4 < p.r4; k4++) {
                #repeat J 0 ROWS/LANES+ROWS%LANES/8
                let a$J = plain(unpack(low[(image * p.rows + row$J) * p.r4 + k4]), zero);
                #end
    #endif
                #repeat K 0 4
                #if PAIRED == 1
                let pair$K = w[(at + $(K)u * PANEL) / 2u + lane];
                let b$(K)x0 = plain(quad_in(pair$K, 0u), zero);
                let b$(K)x1 = plain(quad_in(pair$K, 1u), zero);
                #else
                #repeat N 0 COLS
                let b$(K)x$N = plain(unpack(w[at + $(K)u * PANEL + quad_of(lane, $(N)u)]), zero);
                #end
                #endif
                #end
                #repeat R 0 ROWS
                {
                    #repeat K 0 4
                    let f$K = vec4<f32>(subgroupBroadcast(a$(R/LANES)[$K], $(R%LANES)u));
                    #repeat N 0 COLS
                    sum$(R)x$N = fma(f$K, b$(K)x$N, sum$(R)x$N);
                    #end
                    #end
                }
                #end
                at += 4u * PANEL;
            }
        }
    }
    #end

    let column = (p.first_panel + panel) * PANEL;
    #repeat N 0 COLS
    let bias$N = bias_of(column + quad_of(lane, $(N)u));
    #end
    // Eight rows at a time, so that the epilogue is written out, and compiled, for eight rows only.
    let blocks = min($(ROWS/8)u, (p.rows - first + 7u) / 8u);
    for (var block = 0u; block < blocks; block++) {
        #repeat R 0 8
        {
            let row = first + block * 8u + $(R)u;
            #repeat N 0 COLS
            var v$N = sum$(R)x$N;
            #repeat B 1 ROWS/8
            v$N = select(v$N, sum$(8*B+R)x$N, block == $(B)u);
            #end
            v$N += bias$N;
            #end
            #if GATED == 1
            // COLS is 2: the second quad of a lane is the gate partner of the first.
            let quad = column / 2u + lane;
            if quad < p.n4 { finish(image, row, quad, join(v0, v1)); }
            #else
            let quad = column + quad_of(lane, 0u);
            #if PAIRED == 1
            if quad < p.n4 { finish(image, row, quad, v0, v1); }
            #else
            #repeat N 0 COLS
            if quad + $(N)u < p.n4 { finish(image, row, quad + $(N)u, v$N); }
            #end
            #endif
            #endif
        }
        #end
    }
}
