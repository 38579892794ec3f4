//! Contraction for GPUs and for every adapter with WebGPU's core limits: 64 invocations share tiles of 64 rows by 16 k
//! and 16 k by 64 channels in workgroup memory; each keeps HEIGHT 8 rows by 2 quads of sums in registers, about 150 of them
//! with what is loaded ahead. HEIGHT 4, with tiles of half the rows, needs about 90: some GPUs have 128. COLUMNS 8 computes
//! the first half of a panel, for twice the rows. Neighbouring invocations load neighbouring quads, and the loads of a tile
//! are under way while the one before it is multiplied.
//! axis DTYPE f32 f16
//! axis OUT same f32
//! axis WINDOW 0 1
//! axis GATED 0 1
//! axis LOWRANK 0 1
//! axis COLUMNS 8 16
//! axis HEIGHT 4 8
//! skip GATED 1 COLUMNS 8
#import matmul/contract_io
#import matmul/contract_walk

const PANEL = 16u;
const COLUMNS = $(COLUMNS)u;
const ROWS = $(HEIGHT*128/COLUMNS)u;
const DEPTH4 = 4u;
// Invocations side by side, and one above the other.
const ACROSS = $(COLUMNS/2)u;
const DOWN = $(128/COLUMNS)u;

// Rows are padded by one vector so that the rows read together fall into different banks.
var<workgroup> tile_a: array<vec4<f32>, ROWS * 5u>; // [ROWS, 5]: four quads along k
var<workgroup> tile_b: array<vec4<f32>, 16u * COLUMNS>; // [16 k, COLUMNS quads]

// What this invocation has loaded of the next tile: one quad along k of every sixteenth row of A, and quads of B.
#repeat I 0 HEIGHT*8/COLUMNS
var<private> line$I: Line;
var<private> next_a$I: Store;
#end
#repeat I 0 COLUMNS/4
var<private> next_b$I: Store;
#end
var<private> factor: Store;

// Starts the loads of the tile from quad `t` of K on, of whose rows of A this invocation loads the quad at `at`. Past the
// end of K, where A is zero, B repeats its last row.
fn fetch(image: u32, weights: u32, t: u32, at: Place, local: u32) {
    factor = factor_at(image, at);
    #repeat I 0 HEIGHT*8/COLUMNS
    next_a$I = stored(line$I, at);
    #end
    #repeat I 0 COLUMNS/4
    let k$I = min(4u * t + local / COLUMNS + $(I*64/COLUMNS)u, 4u * depth() - 1u);
    next_b$I = w[weights + k$I * PANEL + local % COLUMNS];
    #end
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = linear(group, groups);
    let panel = id % p.panels;
    let tiles = (p.rows + ROWS - 1u) / ROWS;
    let image = id / p.panels / tiles;
    if image >= p.batch { return; }
    let first = (id / p.panels % tiles) * ROWS;

    let tx = local % ACROSS;
    let ty = local / ACROSS;
    #repeat R 0 HEIGHT
    var sum$(R)x0 = vec4<f32>(0.0);
    var sum$(R)x1 = vec4<f32>(0.0);
    #end

    #repeat I 0 HEIGHT*8/COLUMNS
    line$I = line_of(image, first + local / DEPTH4 + $(I*16)u);
    #end
    let weights = image * p.w_batch + (p.skipped + panel) * depth() * 4u * PANEL;
    var at = ahead(Place(), local % DEPTH4);
    // Tile by tile: load one, multiply the one before, store the one loaded. The last round has nothing to load, the first
    // nothing to multiply.
    for (var t = 0u; t < depth() + DEPTH4; t += DEPTH4) {
        let more = t < depth();
        if more { fetch(image, weights, t, at, local); }
        if t > 0u {
            for (var j = 0u; j < DEPTH4; j++) {
                #repeat R 0 HEIGHT
                let a$R = tile_a[(ty + $(R)u * DOWN) * 5u + j];
                #end
                #repeat K 0 4
                {
                    let b0 = tile_b[(j * 4u + $(K)u) * COLUMNS + tx];
                    let b1 = tile_b[(j * 4u + $(K)u) * COLUMNS + tx + ACROSS];
                    #repeat R 0 HEIGHT
                    sum$(R)x0 = fma(vec4<f32>(a$R[$K]), b0, sum$(R)x0);
                    sum$(R)x1 = fma(vec4<f32>(a$R[$K]), b1, sum$(R)x1);
                    #end
                }
                #end
            }
        }
        workgroupBarrier();
        if more {
            #repeat I 0 HEIGHT*8/COLUMNS
            tile_a[(local / DEPTH4 + $(I*16)u) * 5u + local % DEPTH4] = operand_of(line$I, at, next_a$I, factor);
            #end
            #repeat I 0 COLUMNS/4
            tile_b[local + $(I*64)u] = unpack(next_b$I);
            #end
        }
        workgroupBarrier();
        at = ahead(at, DEPTH4);
    }

    let column = p.first_panel + panel;
    #if GATED == 1
    let quad = column * ACROSS + tx;
    if quad < p.n4 {
        let b0 = bias_of(column * PANEL + tx);
        let b1 = bias_of(column * PANEL + ACROSS + tx);
        #repeat R 0 HEIGHT
        if first + ty + $(R)u * DOWN < p.rows {
            finish(image, first + ty + $(R)u * DOWN, quad, join(sum$(R)x0 + b0, sum$(R)x1 + b1));
        }
        #end
    }
    #else
    #repeat N 0 2
    let quad$N = column * PANEL + $(N)u * ACROSS + tx;
    if quad$N < p.n4 {
        let b = bias_of(quad$N);
        #repeat R 0 HEIGHT
        if first + ty + $(R)u * DOWN < p.rows { finish(image, first + ty + $(R)u * DOWN, quad$N, sum$(R)x$N + b); }
        #end
    }
    #end
    #endif
}
