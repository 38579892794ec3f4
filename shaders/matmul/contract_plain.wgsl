//! Contraction by the definition: every invocation sums one quad of one row, and nothing is shared. Slow, but it needs no
//! workgroup memory, no feature and little of a driver's compiler. A device whose other kernels compute wrongly falls back
//! on it, and `vernis bench` has something to compare the tiles of a GPU with.
//! axis DTYPE f32 f16
//! axis OUT same f32
//! axis WINDOW 0 1
//! axis GATED 0 1
//! axis LOWRANK 0 1
#import matmul/contract_io

const PANEL = 16u;
// Quads of the output that a panel holds; a gated one has their gates behind them.
const COLUMNS = $(16-8*GATED)u;

// Four k by a column of quads of weights.
fn product(a: vec4<f32>, at: u32) -> vec4<f32> {
    var sum = a.x * unpack(w[at]);
    sum = fma(vec4<f32>(a.y), unpack(w[at + PANEL]), sum);
    sum = fma(vec4<f32>(a.z), unpack(w[at + 2u * PANEL]), sum);
    return fma(vec4<f32>(a.w), unpack(w[at + 3u * PANEL]), sum);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let width = min(p.n4 - p.first_panel * COLUMNS, p.panels * COLUMNS);
    let id = linear(group, groups) * 64u + local;
    let image = id / width / p.rows;
    if image >= p.batch { return; }
    let row = id / width % p.rows;
    let panel = id % width / COLUMNS;
    let lane = id % width % COLUMNS;

    let norm = norm_of(image, row);
    let first = corner(row);
    #repeat N 0 1+GATED
    var sum$N = bias_of((p.first_panel + panel) * PANEL + $(N)u * COLUMNS + lane);
    #end
    var at = image * p.w_batch + (p.skipped + panel) * (p.kernel_h * p.kernel_w * p.k4 + p.r4) * 4u * PANEL + lane;
    for (var ty = 0u; ty < p.kernel_h; ty++) {
        for (var tx = 0u; tx < p.kernel_w; tx++) {
            let pixel = source(image, row, first, ty, tx);
            for (var k4 = 0u; k4 < p.k4; k4++) {
                let a = operand(pixel, k4, norm, factor_of(image, k4));
                #repeat N 0 1+GATED
                sum$N += product(a, at + $(N)u * COLUMNS);
                #end
                at += 4u * PANEL;
            }
        }
    }
    #if LOWRANK == 1
    for (var k4 = 0u; k4 < p.r4; k4++) {
        let a = unpack(low[(image * p.rows + row) * p.r4 + k4]);
        #repeat N 0 1+GATED
        sum$N += product(a, at + $(N)u * COLUMNS);
        #end
        at += 4u * PANEL;
    }
    #endif
    let quad = p.first_panel * COLUMNS + id % width;
    #if GATED == 1
    finish(image, row, quad, join(sum0, sum1));
    #else
    finish(image, row, quad, sum0);
    #endif
}
