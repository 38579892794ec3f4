//! Contraction for GPUs with cooperative matrices: four subgroups share tiles of 64 rows by DEPTH k and DEPTH k by 64
//! channels in workgroup memory, and each multiplies its 32 x 32 corner in square matrices of SIDE with f32 sums.
//! What the prologue makes of an operand is rounded to its storage, as if a norm had been stored. Neighbouring invocations
//! load neighbouring quads, and the loads of a tile are under way while the one before it is multiplied.
//! LANES is the largest size of a subgroup. Where the driver picks a smaller one there are more subgroups than corners;
//! the surplus repeats a corner and writes what is already there.
//! axis DTYPE f32 f16
//! axis OUT same f32
//! axis WINDOW 0 1
//! axis GATED 0 1
//! axis LOWRANK 0 1
//! axis SIDE 8 16
//! axis LANES 8 32 64
//! skip DTYPE f32 SIDE 16
#if DTYPE == f16
enable f16;
#endif
enable wgpu_cooperative_matrix;
#import matmul/contract_io
#import matmul/contract_walk

#if DTYPE == f16
alias Element = f16;
alias Quad = vec4<f16>;
const ALIGN = 8u;
#else
alias Element = f32;
alias Quad = vec4<f32>;
const ALIGN = 4u;
#endif

const ROWS = 64u;
const QUADS = 16u;
const DEPTH4 = $(SIDE/2)u;
const INVOCATIONS = $(4*LANES)u;

// Rows begin at multiples of 16 bytes, as matrix loads demand, and in different banks. They hold scalars: in Metal's text
// a matrix is loaded through a pointer to nothing else.
const WIDTH_A = 4u * DEPTH4 + ALIGN;
const WIDTH_B = 4u * QUADS + ALIGN;
const WIDTH_C = 4u * QUADS + 4u;
var<workgroup> tile_a: array<Element, ROWS * WIDTH_A>;            // [64 rows, DEPTH k]
var<workgroup> tile_b: array<Element, 4u * DEPTH4 * WIDTH_B>;     // [DEPTH k, 64 channels]
var<workgroup> tile_c: array<f32, $(2*SIDE)u * WIDTH_C>;          // [a band of both halves of the rows, 64 channels]

// What this invocation has loaded of the next tile.
#repeat I 0 8*SIDE/LANES
var<private> line$I: Line;
var<private> next_a$I: Store;
var<private> next_b$I: Store;
#end
var<private> factor: Store;

// Starts the loads of the tile from quad `t` of K on, of whose rows of A this invocation loads the quad at `at`. Past the
// end of K, where A is zero, B repeats its last row.
fn fetch(image: u32, weights: u32, t: u32, at: Place, local: u32) {
    factor = factor_at(image, at);
    #repeat I 0 8*SIDE/LANES
    next_a$I = stored(line$I, at);
    let k$I = min(4u * t + local / QUADS + $(I)u * (INVOCATIONS / QUADS), 4u * depth() - 1u);
    next_b$I = w[weights + k$I * QUADS + local % QUADS];
    #end
}

fn quad_c(line: u32, quad: u32) -> vec4<f32> {
    let at = line * WIDTH_C + 4u * quad;
    return vec4<f32>(tile_c[at], tile_c[at + 1u], tile_c[at + 2u], tile_c[at + 3u]);
}

// Bias and epilogue of what tile_c holds: rows `band` on of both halves of the tile.
fn finish_band(image: u32, first: u32, panel: u32, band: u32, local: u32) {
    #if GATED == 1
    const COLUMNS = QUADS / 2u;
    #else
    const COLUMNS = QUADS;
    #endif
    let column = p.first_panel + panel;
    for (var i = local; i < $(2*SIDE)u * COLUMNS; i += INVOCATIONS) {
        let line = i / COLUMNS;
        let n = i % COLUMNS;
        let row = first + line / $(SIDE)u * 32u + band + line % $(SIDE)u;
        let quad = column * COLUMNS + n;
        if row < p.rows && quad < p.n4 {
            #if GATED == 1
            let own = quad_c(line, n) + bias_of(column * QUADS + n);
            let gate = quad_c(line, n + COLUMNS) + bias_of(column * QUADS + n + COLUMNS);
            finish(image, row, quad, join(own, gate));
            #else
            finish(image, row, quad, quad_c(line, n) + bias_of(quad));
            #endif
        }
    }
}

@compute @workgroup_size($(4*LANES))
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
    @builtin(subgroup_id) subgroup: u32,
) {
    // As in shared/index, but inline: naga must see that a workgroup returns as a whole.
    let id = group.x + group.y * groups.x;
    let panel = id % p.panels;
    let tiles = (p.rows + ROWS - 1u) / ROWS;
    let image = id / p.panels / tiles;
    if image >= p.batch { return; }
    let first = (id / p.panels % tiles) * ROWS;

    let half_a = subgroup / 2u % 2u;
    let half_b = subgroup % 2u;
    #repeat I 0 32/SIDE
    #repeat J 0 32/SIDE
    var sum$(I)x$J = coop_mat$(SIDE)x$(SIDE)<f32, C>();
    #end
    #end

    #repeat I 0 8*SIDE/LANES
    line$I = line_of(image, first + local / DEPTH4 + $(I)u * (INVOCATIONS / DEPTH4));
    #end
    let weights = image * p.w_batch + (p.skipped + panel) * depth() * 4u * QUADS;
    var at = ahead(Place(), local % DEPTH4);
    fetch(image, weights, 0u, at, local);
    for (var t = 0u; t < depth(); t += DEPTH4) {
        #repeat I 0 8*SIDE/LANES
        {
            let a = Quad(operand_of(line$I, at, next_a$I, factor));
            let b = Quad(unpack(next_b$I));
            let to_a = (local / DEPTH4 + $(I)u * (INVOCATIONS / DEPTH4)) * WIDTH_A + 4u * (local % DEPTH4);
            let to_b = (local / QUADS + $(I)u * (INVOCATIONS / QUADS)) * WIDTH_B + 4u * (local % QUADS);
            #repeat E 0 4
            tile_a[to_a + $(E)u] = a[$E];
            tile_b[to_b + $(E)u] = b[$E];
            #end
        }
        #end
        workgroupBarrier();
        at = ahead(at, DEPTH4);
        if t + DEPTH4 < depth() { fetch(image, weights, t + DEPTH4, at, local); }
        #repeat K 0 2
        {
            #repeat I 0 32/SIDE
            let a$I = coopLoadT<coop_mat$(SIDE)x$(SIDE)<Element, A>>(
                &tile_a[(half_a * 32u + $(I*SIDE)u) * WIDTH_A + $(K*SIDE)u], WIDTH_A);
            #end
            #repeat J 0 32/SIDE
            let b$J = coopLoadT<coop_mat$(SIDE)x$(SIDE)<Element, B>>(
                &tile_b[$(K*SIDE)u * WIDTH_B + half_b * 32u + $(J*SIDE)u], WIDTH_B);
            #repeat I 0 32/SIDE
            sum$(I)x$J = coopMultiplyAdd(a$I, b$J, sum$(I)x$J);
            #end
            #end
        }
        #end
        workgroupBarrier();
    }

    #repeat I 0 32/SIDE
    #repeat J 0 32/SIDE
    coopStoreT(sum$(I)x$J, &tile_c[half_a * $(SIDE)u * WIDTH_C + half_b * 32u + $(J*SIDE)u], WIDTH_C);
    #end
    workgroupBarrier();
    finish_band(image, first, panel, $(I*SIDE)u, local);
    workgroupBarrier();
    #end
}
