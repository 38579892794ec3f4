//! Contraction for GPUs with cooperative matrices: four subgroups share tiles of 64 rows by DEPTH k and DEPTH k by 64
//! channels in workgroup memory, and each multiplies its 32 x 32 corner in square matrices of SIDE with f32 sums.
//! What the prologue makes of an operand is rounded to its storage, as if a norm had been stored.
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
// Invocations that fetch one row of A together.
const SHARE = max(1u, $(LANES/16)u);

// Rows begin at multiples of 16 bytes, as matrix loads demand, and in different banks.
const WIDTH_A = 4u * DEPTH4 + ALIGN;
const WIDTH_B = 4u * QUADS + ALIGN;
const WIDTH_C = 4u * QUADS + 4u;
var<workgroup> tile_a: array<Element, ROWS * WIDTH_A>;            // [64 rows, DEPTH k]
var<workgroup> tile_b: array<Element, 4u * DEPTH4 * WIDTH_B>;     // [DEPTH k, 64 channels]
var<workgroup> tile_c: array<f32, $(2*SIDE)u * WIDTH_C>;          // [a band of both halves of the rows, 64 channels]

// Quads of K of all taps, the low-rank segment behind them.
fn depth() -> u32 { return p.kernel_h * p.kernel_w * p.k4 + p.r4; }

// Quad `t` along K of a row of A, zero past the end: matrices are multiplied whole.
fn quad_a(image: u32, row: u32, norm: vec2<f32>, t: u32) -> Quad {
    if t >= depth() { return Quad(); }
    #if LOWRANK == 1
    let first = depth() - p.r4;
    if t >= first { return Quad(unpack(low[(image * p.rows + row) * p.r4 + t - first])); }
    #endif
    #if WINDOW == 1
    let tap = t / p.k4;
    let k4 = t % p.k4;
    let from_a = source(image, row, corner(row), tap / p.kernel_w, tap % p.kernel_w);
    #else
    let k4 = t;
    let from_a = source(image, row, vec2<i32>(0), 0u, 0u);
    #endif
    return Quad(operand(from_a, k4, norm, factor_of(image, k4)));
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

    #repeat R 0 1+15/LANES
    let line$R = local / SHARE + $(R)u * (INVOCATIONS / SHARE);
    let row$R = min(first + line$R, p.rows - 1u);
    let norm$R = norm_of(image, row$R);
    #end
    var at = image * p.w_batch + panel * depth() * 4u * QUADS;

    for (var t = 0u; t < depth(); t += DEPTH4) {
        for (var j = local % SHARE; j < DEPTH4; j += SHARE) {
            #repeat R 0 1+15/LANES
            let a$R = quad_a(image, row$R, norm$R, t + j);
            #repeat E 0 4
            tile_a[line$R * WIDTH_A + 4u * j + $(E)u] = a$R[$E];
            #end
            #end
        }
        let held = min(DEPTH4, depth() - t) * 4u * QUADS;
        for (var i = local; i < 4u * DEPTH4 * QUADS; i += INVOCATIONS) {
            var b = Quad();
            if i < held { b = Quad(unpack(w[at + i])); }
            #repeat E 0 4
            tile_b[i / QUADS * WIDTH_B + 4u * (i % QUADS) + $(E)u] = b[$E];
            #end
        }
        at += held;
        workgroupBarrier();
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
