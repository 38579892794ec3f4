//! Contraction for GPUs and for every adapter with WebGPU's core limits: 64 invocations share tiles of 64 rows by 16 k
//! and 16 k by 64 channels in workgroup memory; each keeps 8 rows by 2 quads of sums in registers.
//! axis DTYPE f32 f16
//! axis OUT same f32
//! axis WINDOW 0 1
//! axis GATED 0 1
//! axis LOWRANK 0 1
#import matmul/contract_io

const ROWS = 64u;
const QUADS = 16u;
const DEPTH4 = 4u;

// Rows are padded by one vector so that the eight rows read together fall into different banks.
var<workgroup> tile_a: array<vec4<f32>, 320>; // [64 rows, 5]: four quads along k
var<workgroup> tile_b: array<vec4<f32>, 256>; // [16 k, 16 quads]

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

    let tx = local % 8u;
    let ty = local / 8u;
    #repeat R 0 8
    var sum$(R)x0 = vec4<f32>(0.0);
    var sum$(R)x1 = vec4<f32>(0.0);
    #end

    // Loading: this invocation fetches one row of the A tile and four vectors of the B tile.
    let row = min(first + local, p.rows - 1u);
    let norm = norm_of(image, row);
    let from_corner = corner(row);
    var at = image * p.w_batch + panel * (p.kernel_h * p.kernel_w * p.k4 + p.r4) * 64u + local;

    #repeat SEGMENT 0 1+LOWRANK
    #if SEGMENT == 0
    for (var ky = 0u; ky < p.kernel_h; ky++) {
        for (var kx = 0u; kx < p.kernel_w; kx++) {
            let from_a = source(image, row, from_corner, ky, kx);
            for (var k4 = 0u; k4 < p.k4; k4 += DEPTH4) {
                for (var j = 0u; j < DEPTH4; j++) {
                    var a = vec4<f32>(0.0);
                    var b = vec4<f32>(0.0);
                    if k4 + j < p.k4 {
                        a = operand(from_a, k4 + j, norm, factor_of(image, k4 + j));
    #else
    {
        {
            for (var k4 = 0u; k4 < p.r4; k4 += DEPTH4) {
                for (var j = 0u; j < DEPTH4; j++) {
                    var a = vec4<f32>(0.0);
                    var b = vec4<f32>(0.0);
                    if k4 + j < p.r4 {
                        a = unpack(low[(image * p.rows + row) * p.r4 + k4 + j]);
    #endif
                        b = unpack(w[at]);
                        at += 64u;
                    }
                    tile_a[local * 5u + j] = a;
                    tile_b[j * 64u + local] = b;
                }
                workgroupBarrier();
                for (var j = 0u; j < DEPTH4; j++) {
                    #repeat R 0 8
                    let a$R = tile_a[(ty + $(R*8)u) * 5u + j];
                    #end
                    #repeat K 0 4
                    {
                        let b0 = tile_b[(j * 4u + $(K)u) * QUADS + tx];
                        let b1 = tile_b[(j * 4u + $(K)u) * QUADS + tx + 8u];
                        #repeat R 0 8
                        sum$(R)x0 = fma(vec4<f32>(a$R[$K]), b0, sum$(R)x0);
                        sum$(R)x1 = fma(vec4<f32>(a$R[$K]), b1, sum$(R)x1);
                        #end
                    }
                    #end
                }
                workgroupBarrier();
            }
        }
    }
    #end

    let column = p.first_panel + panel;
    #if GATED == 1
    let quad = column * 8u + tx;
    if quad < p.n4 {
        let b0 = bias_of(column * QUADS + tx);
        let b1 = bias_of(column * QUADS + 8u + tx);
        #repeat R 0 8
        if first + ty + $(R*8)u < p.rows {
            finish(image, first + ty + $(R*8)u, quad, join(sum$(R)x0 + b0, sum$(R)x1 + b1));
        }
        #end
    }
    #else
    #repeat N 0 2
    let quad$N = column * QUADS + $(N*8)u + tx;
    if quad$N < p.n4 {
        let b = bias_of(quad$N);
        #repeat R 0 8
        if first + ty + $(R*8)u < p.rows { finish(image, first + ty + $(R*8)u, quad$N, sum$(R)x$N + b); }
        #end
    }
    #end
    #endif
}
