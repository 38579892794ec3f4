//! Contraction for CPU drivers that load lane by lane: each lane keeps its columns' weights for K4 quads of K in private
//! arrays, fills them once and walks down the rows. All indices of a row are constants, so the driver's compiler reads the
//! weights as whole vectors from its stack, a sum never leaves its register, and only the row itself is loaded, its quads
//! shared out by the lanes. SLABS 1: longer K comes in slabs of K4 quads, one after the other, which go on from the sums in
//! y: each workgroup from its own, so that one dispatch does for all of them.
//!
//! The weights lie in pieces, each declared by a function of its own and filled before the next is: the zeros that WGSL
//! puts into every variable would else be one long block, over which compilers take quadratic time. COARSE: pieces of 32 k
//! or more, for compilers (LLVM 19) that keep those as arrays and make selections of shorter ones; without it 16 k, for
//! those (LLVM 15) that take quadratic time over the uses of an array and none over short ones.
//! axis DTYPE f32
//! axis OUT same
//! axis WINDOW 0 1
//! axis GATED 0 1
//! axis LANES 8
//! axis COLS 1 2
//! axis WIDE 1
//! axis PAIRED 0 1
//! axis K4 8 12 16 24 32 36 48 64 96 128
//! axis COARSE 0 1
//! axis DOUBLE 0 1
//! axis SLABS 0 1
//! skip WINDOW 1 K4 8
//! skip WINDOW 1 K4 16
//! skip WINDOW 1 K4 24
//! skip WINDOW 1 K4 32
//! skip WINDOW 1 K4 48
//! skip WINDOW 1 K4 64
//! skip WINDOW 1 K4 96
//! skip WINDOW 1 K4 128
//! skip GATED 0 K4 64
//! skip GATED 0 K4 96
//! skip GATED 0 K4 128
//! skip WINDOW 0 K4 36
//! skip GATED 1 WINDOW 1
//! skip GATED 1 COLS 1
//! skip GATED 1 PAIRED 1
//! skip GATED 1 SLABS 1
//! skip COLS 1 PAIRED 1
//! skip GATED 0 COLS 2 PAIRED 0
#import matmul/contract_io
#import matmul/contract_panel

// Quads of a row that one load fetches for all lanes, EACH of them neighbours for a lane. DOUBLE, 12 of K4 12, 24 and 36,
// else 16 or all 8: twice as much in one load costs half as much again. Without, 6 of K4 12 and 36, else 8.
#let EACH 1+DOUBLE
#if DOUBLE == 1
#let LOADS K4+15
#let LOADS LOADS/16
#let BLOCK K4/LOADS
#else
#let BLOCK 8-K4%8/2
#let LOADS K4/BLOCK
#endif
#let LOADING BLOCK/EACH
// Rows that one load fetches, the second by the other half of the lanes. (Whole panels have no room for the sums of two: they are
// slower so, as are two rows of a longer K.)
#let ROWS 1
#if DOUBLE == 1
#if COLS == 1
#let ROWS 1+LANES/K4
#endif
#endif
#let PIECES K4/4-COARSE*K4/4+COARSE*K4/8
#let PIECE 4*K4/PIECES

// Whether a row touches the cache lines of y that the next one stores to. With one slab nothing has read them before, so that
// those of a large output come from memory: 5 to 14 % of the time (benches/NOTES.md). A load at one address for all lanes is cheap;
// drivers without COARSE would do it eight times.
#let TOUCH COARSE-COARSE*SLABS
// Lines of 64 bytes in a panel's part of a row.
#let LINES 2*COLS-2*GATED

// A component of a lane's weights. COARSE has a place more for each load, for sums, and one for what TOUCH has seen (see below).
alias Piece = array<f32, $(LOADS*ROWS*COARSE+PIECE+TOUCH)>;

#if TOUCH == 1
// Some of what a quad of y holds; it is kept, since a load that nobody uses is none.
fn touched(at: u32) -> u32 {
    #if PAIRED == 1
    return u32(y[at / 2u].x);
    #else
    return u32(y[at].x);
    #endif
}
#endif

struct Job {
    image: u32,
    panel: u32,
    first: u32,
    lane: u32,
    // The first quad of K of this slab.
    start: u32,
}

#repeat S 0 PIECES
fn with$S(
    job: Job,
    #repeat P 0 S
    #repeat C 0 4*COLS
    b$(P)x$C: ptr<function, Piece>,
    #end
    #end
) {
    #repeat C 0 4*COLS
    var b$(S)x$C: Piece;
    #end
    let all = 4u * p.kernel_h * p.kernel_w * p.k4;
    let start = job.image * p.w_batch + (p.skipped + job.panel) * all * PANEL;
    for (var i = 0u; i < $(PIECE)u; i++) {
        let k = 4u * job.start + $(S*PIECE)u + i;
        // Zeros past the end: whatever is there in x does not count.
        let at = start + min(k, all - 1u) * PANEL;
        let used = f32(k < all);
        #if PAIRED == 1
        let pair = w[at / 2u + job.lane];
        let v0 = used * quad_in(pair, 0u);
        let v1 = used * quad_in(pair, 1u);
        #else
        #repeat N 0 COLS
        let v$N = used * unpack(w[at + quad_of(job.lane, $(N)u)]);
        #end
        #endif
        #repeat C 0 4*COLS
        b$(S)x$C[i] = v$(C/4)[$(C%4)];
        #end
    }
    with$(S+1)(
        job,
        #repeat P 0 S
        #repeat C 0 4*COLS
        b$(P)x$C,
        #end
        #end
        #repeat C 0 4*COLS
        &b$(S)x$C,
        #end
    );
}

#end
fn with$(PIECES)(
    job: Job,
    #repeat P 0 PIECES
    #repeat C 0 4*COLS
    b$(P)x$C: ptr<function, Piece>,
    #end
    #end
) {
    let lane = job.lane;
    let column = (p.first_panel + job.panel) * PANEL;
    #if GATED == 1
    let first_quad = column / 2u;
    let quad = first_quad + lane;
    #else
    let first_quad = column;
    let quad = first_quad + quad_of(lane, 0u);
    #endif
    #if SLABS == 1
    // Only the last slab adds what follows the sum.
    let last = job.start + $(K4)u >= p.kernel_h * p.kernel_w * p.k4;
    #else
    let last = true;
    #endif
    #repeat N 0 COLS
    let bias$N = select(vec4<f32>(0.0), bias_of(column + quad_of(lane, $(N)u)), last);
    #end
    // The quads of K that this lane loads: tap, and channels. Neighbours belong to one tap.
    #repeat J 0 LOADS
    let k$J = min(job.start + $(J*BLOCK)u + $(EACH)u * min(lane % $(LANES/ROWS)u, $(LOADING-1)u), p.kernel_h * p.kernel_w * p.k4 - $(EACH)u);
    let ty$J = k$J / p.k4 / p.kernel_w;
    let tx$J = k$J / p.k4 % p.kernel_w;
    let quad$J = k$J % p.k4;
    #repeat E 0 EACH
    let factor$(J)x$E = factor_of(job.image, quad$J + $(E)u);
    #end
    #end
    // Zero, since none of these reaches 2^31, which the driver does not know; read here, it does not read them again (as
    // gathers) for every row.
    let zero = (p.batch | p.x_stride | p.x_offset | p.in_h | p.in_w | p.n4 | p.stages) >> 31u;
    let end = min(job.first + p.block, p.rows);
    #if WINDOW == 1
    // Counted on: a division is done lane by lane.
    var pixel = pixel_of(job.first);
    #endif
    // The lanes load the statistics of as many rows at once.
    for (var chunk = job.first; chunk < end; chunk += $(LANES)u) {
        let norms = norm_of(job.image, min(chunk + lane, end - 1u));
        for (var row = chunk; row < min(chunk + $(LANES)u, end); row += $(ROWS)u) {
            #repeat R 0 ROWS
            let norm$R = vec2<f32>(subgroupShuffle(norms.x, row + $(R)u - chunk), subgroupShuffle(norms.y, row + $(R)u - chunk));
            #end
            #if ROWS == 2
            let norm = select(norm0, norm1, lane >= $(LANES/2)u);
            let own = min(row + lane / $(LANES/2)u, end - 1u);
            #else
            let norm = norm0;
            let own = row;
            #endif
            #if TOUCH == 1
            // Where a residual is read nothing was gained.
            if RESIDUAL == 0u {
                var seen = 0u;
                #repeat R 0 ROWS
                #repeat L 0 LINES
                seen |= touched(place(job.image, min(row + $(ROWS+R)u, end - 1u), min(first_quad + $(4*L)u, p.n4 - 1u)));
                #end
                #end
                (*b0x0)[$(LOADS*ROWS*COARSE+PIECE)] = bitcast<f32>(seen);
            }
            #endif
            #if WINDOW == 1
            let first = corner_of(pixel);
            pixel.y += 1u;
            if pixel.y == p.out_w { pixel = vec2<u32>(pixel.x + 1u, 0u); }
            #else
            let first = vec2<i32>(0);
            #endif
            #repeat R 0 ROWS
            #repeat N 0 COLS
            var sum$(R)x$N = vec4<f32>(0.0);
            #end
            #if SLABS == 1
            if job.start > 0u && quad < p.n4 {
                #if PAIRED == 1
                let before = y[place(job.image, row + $(R)u, quad) / 2u];
                sum$(R)x0 = plain(quad_in(before, 0u), zero);
                sum$(R)x1 = plain(quad_in(before, 1u), zero);
                #else
                sum$(R)x0 = plain(unpack(y[place(job.image, row + $(R)u, quad)]), zero);
                #endif
            }
            #endif
            #end
            #repeat J 0 LOADS
            let from$J = source(job.image, own, first, ty$J, tx$J);
            #if DOUBLE == 1
            let pair$J = x[(from$J.quad + quad$J) / 2u];
            #repeat E 0 EACH
            let a$(J)x$E = plain(treated(quad_in(pair$J, $(E)u), from$J, norm, factor$(J)x$E), zero);
            #end
            #else
            let a$(J)x0 = plain(operand(from$J, quad$J, norm, factor$(J)x0), zero);
            #endif
            #repeat K 4*J*BLOCK 4*J*BLOCK+4*BLOCK
            {
                #repeat N 0 COLS
                let b$N = vec4<f32>(
                    #repeat C 4*N 4*N+4
                    (*b$(K/PIECE)x$C)[$(K%PIECE)],
                    #end
                );
                #end
                #repeat R 0 ROWS
                let f$R = vec4<f32>(subgroupBroadcast(a$(J)x$(K/4%EACH)[$(K%4)], $(K/4/EACH-J*LOADING+R*LANES/2)u));
                #repeat N 0 COLS
                sum$(R)x$N = fma(f$R, b$N, sum$(R)x$N);
                #end
                #end
            }
            #end
            #if COARSE == 1
            // Stored, though nobody reads it: LLVM 19 would else move all sums behind the last load, LLVM 20 to where they are used,
            // and all products to memory.
            #repeat R 0 ROWS
            #repeat C 0 4*COLS
            (*b0x$C)[$(PIECE+J*ROWS+R)] = sum$(R)x$(C/4)[$(C%4)];
            #end
            #end
            #endif
            #end
            #repeat R 0 ROWS
            #repeat N 0 COLS
            sum$(R)x$N += bias$N;
            #end
            if quad < p.n4 && row + $(R)u < end {
                #if GATED == 1
                finish(job.image, row + $(R)u, quad, join(sum$(R)x0, sum$(R)x1));
                #else
                #if SLABS == 1
                if !last && (ACTIVATION != 0u || RESIDUAL != 0u) {
                    #if PAIRED == 1
                    y[place(job.image, row + $(R)u, quad) / 2u] = paired(sum$(R)x0, sum$(R)x1);
                    #else
                    y[place(job.image, row + $(R)u, quad)] = pack(sum$(R)x0);
                    #endif
                } else
                #endif
                {
                    #if PAIRED == 1
                    finish(job.image, row + $(R)u, quad, sum$(R)x0, sum$(R)x1);
                    #else
                    finish(job.image, row + $(R)u, quad, sum$(R)x0);
                    #endif
                }
                #endif
            }
            #end
        }
    }
}

@compute @workgroup_size($LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let id = linear(group, groups);
    let blocks = (p.rows + p.block - 1u) / p.block;
    let image = id / p.panels / blocks;
    if image >= p.batch { return; }
    let first = id / p.panels % blocks * p.block;
    #if SLABS == 1
    for (var start = 0u; start < p.kernel_h * p.kernel_w * p.k4; start += $(K4)u) {
        with0(Job(image, id % p.panels, first, lane, start));
    }
    #else
    with0(Job(image, id % p.panels, first, lane, 0u));
    #endif
}
