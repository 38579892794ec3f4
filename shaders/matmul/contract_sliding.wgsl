//! 3x3 convolution, stride 1, zero padding 1, for CPU drivers that load lane by lane. As in contract_resident.wgsl, a lane
//! keeps its columns' weights in private arrays, in pieces: of all nine taps and DEPTH quads of channels. It slides along
//! the rows of the picture: a pixel is loaded once a row of taps and added to the sums of the three pixels it reaches, of
//! which the first is then whole. COLS: columns a lane, 4 for blocks of eight quads of the output, 2 where no more than four
//! are left. More channels come in several dispatches, which go on from the sums in y.
//! axis DTYPE f32
//! axis OUT same
//! axis WINDOW 1
//! axis LANES 8
//! axis COLS 2 4
//! axis WIDE 1
//! axis PAIRED 0
//! axis DEPTH 6 8
//! axis COARSE 0 1
//! axis DOUBLE 1
#import matmul/contract_io
#import matmul/contract_panel

// Pairs of quads of the three pixels of a column; a load fetches one for each lane.
#let PAIRS DEPTH/2
#let LOADS 3*PAIRS+7
#let LOADS LOADS/8
// k of a piece: of a row of taps, or 16 or 12 of one tap.
#if COARSE == 1
#let PIECE 12*DEPTH
#else
#let PIECE 16-DEPTH%4*2
#endif
#let PIECES 36*DEPTH/PIECE

// A component of a lane's weights. COARSE has a place more, for sums (see below).
alias Piece = array<f32, $(PIECE+COARSE)>;
#if COLS == 4
alias Sum = vec4<f32>;
#else
alias Sum = vec2<f32>;
#endif

struct Job {
    image: u32,
    // The first quad of columns, and this lane's.
    columns: u32,
    quad: u32,
    // The first row of the picture.
    first: u32,
    lane: u32,
}

#repeat S 0 PIECES
fn with$S(
    job: Job,
    #repeat P 0 S
    #repeat C 0 COLS
    b$(P)x$C: ptr<function, Piece>,
    #end
    #end
) {
    #repeat C 0 COLS
    var b$(S)x$C: Piece;
    #end
    let start = job.image * p.w_batch + job.columns / PANEL * 36u * p.k4 * PANEL + job.quad % PANEL;
    for (var i = 0u; i < $(PIECE)u; i++) {
        let k = $(S*PIECE)u + i;
        let v = unpack(w[start + (4u * (k / $(4*DEPTH)u * p.k4 + p.first_k4) + k % $(4*DEPTH)u) * PANEL]);
        #if COLS == 2
        let own = select(v.xy, v.zw, job.lane % 2u == 1u);
        #else
        let own = v;
        #endif
        #repeat C 0 COLS
        b$(S)x$C[i] = own[$C];
        #end
    }
    with$(S+1)(
        job,
        #repeat P 0 S
        #repeat C 0 COLS
        b$(P)x$C,
        #end
        #end
        #repeat C 0 COLS
        &b$(S)x$C,
        #end
    );
}

#end
fn with$(PIECES)(
    job: Job,
    #repeat P 0 PIECES
    #repeat C 0 COLS
    b$(P)x$C: ptr<function, Piece>,
    #end
    #end
) {
    let lane = job.lane;
    // The quad that this lane stores, if it does.
    #if COLS == 4
    let quad = job.quad;
    let stores = quad < p.n4;
    #else
    let quad = job.columns + lane % 4u;
    let stores = lane < 4u && quad < p.n4;
    #endif
    let bias = bias_of(quad);
    // What this lane loads: the row of taps, and the first quad of the pixel.
    #repeat J 0 LOADS
    let pair$J = min($(8*J)u + lane, $(3*PAIRS-1)u);
    let ty$J = pair$J / $(PAIRS)u;
    let offset$J = p.x_offset + p.first_k4 + 2u * (pair$J % $(PAIRS)u);
    #end
    let height = p.in_h;
    let width = p.in_w;
    let stride = p.x_stride;
    // Zero, since none of these reaches 2^31, which the driver does not know.
    let zero = (p.batch | height | width | stride | p.n4 | p.stages) >> 31u;
    let end = min(job.first + p.block, height);
    for (var row = job.first; row < end; row++) {
        // Sums of the pixel before the column that is loaded, of that one, and of the next.
        #repeat T 0 3
        var sum$T = Sum(0.0);
        #end
        // The column behind the last is padding.
        for (var column = 0u; column <= width; column++) {
            sum2 = Sum(0.0);
            #repeat J 0 LOADS
            // Pairs that this load has: the smaller of 8 and what is left (fewer than 24).
            #let LEFT 3*PAIRS-8*J
            #let FULL LEFT/8
            #let FULL FULL+1
            #let FULL FULL/2
            #let COUNT 8*FULL+LEFT-FULL*LEFT
            #if COARSE == 1
            #if J != 0
            // Stored, though nobody reads it: LLVM 19 would else move all sums behind the last load and all products to memory.
            // Each of the three pieces has a place for it.
            #repeat T 0 3
            #repeat C 0 COLS
            (*b$(T)x$C)[$(PIECE)] = sum$T[$C];
            #end
            #end
            #endif
            #endif
            let iy$J = row + ty$J - 1u;
            let inside$J = iy$J < height && column < width;
            let at$J = select(0u, ((job.image * height + iy$J) * width + column) * stride + offset$J, inside$J) / 2u;
            #if COUNT == 8
            let from$J = x[at$J];
            #else
            // The lanes that would load for nothing do not: each takes its time.
            var from$J: Pair;
            if lane < $(COUNT)u { from$J = x[at$J]; }
            #endif
            #repeat E 0 2
            let a$(J)x$E = plain(select(vec4<f32>(0.0), quad_in(from$J, $(E)u), inside$J), zero);
            #end
            #repeat P 0 COUNT
            #let PAIR 8*J+P
            #repeat K 0 8
            {
                let f = Sum(subgroupBroadcast(a$(J)x$(K/4)[$(K%4)], $(P)u));
                #let ROW PAIR/PAIRS
                #repeat T 0 3
                #let WHERE 12*DEPTH*ROW+8*DEPTH-4*DEPTH*T+PAIR%PAIRS*8+K
                let b$T = Sum(
                    #repeat C 0 COLS
                    (*b$(WHERE/PIECE)x$C)[$(WHERE%PIECE)],
                    #end
                );
                sum$T = fma(f, b$T, sum$T);
                #end
            }
            #end
            #end
            #end
            // The first column ends no pixel.
            if column > 0u {
                #if COLS == 4
                var whole = sum0;
                #else
                let other = 2u * lane % 8u;
                var whole = vec4<f32>(
                    subgroupShuffle(sum0.x, other),
                    subgroupShuffle(sum0.y, other),
                    subgroupShuffle(sum0.x, other + 1u),
                    subgroupShuffle(sum0.y, other + 1u),
                );
                #endif
                if stores {
                    let pixel = row * width + column - 1u;
                    if p.first_k4 > 0u { whole += unpack(y[place(job.image, pixel, quad)]); }
                    finish(job.image, pixel, quad, whole + bias);
                }
            }
            sum0 = sum1;
            sum1 = sum2;
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
    let bands = (p.in_h + p.block - 1u) / p.block;
    let image = id / p.panels / bands;
    if image >= p.batch { return; }
    let columns = $(2*COLS)u * (p.skipped + id % p.panels);
    let quad = columns + lane * $(COLS)u / 4u;
    with0(Job(image, columns, quad, id / p.panels % bands * p.block, lane));
}
