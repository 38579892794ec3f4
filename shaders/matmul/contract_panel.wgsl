// How the kernels of one subgroup share out the quads of a panel: each lane has COLS of them.

#if WIDE == 1
const PANEL = $(2*LANES)u;
#else
const PANEL = $(COLS*LANES)u;
#endif

// Where in its panel the quad N of a lane lies.
fn quad_of(lane: u32, n: u32) -> u32 {
    #if GATED == 1
    return n * $(LANES)u + lane;
    #else
    return $(COLS)u * lane + n;
    #endif
}
