//! LayerNorm (layer_norm.wgsl) for CPU drivers, whose loads are dear: a row is loaded once and held, two quads a load, and
//! the weights are loaded once for many rows, shared out by the lanes.
//! axis DTYPE f32 f16
//! axis WIDE 1
//! axis LANES 8
//! axis PAIRS 6 12
//! axis DOWN 16
#import shared/dtype
#import shared/index
#import norm/params

@group(0) @binding(1) var<storage, read> x: array<Pair>;             // [rows, quads / 2]
@group(0) @binding(2) var<storage, read> weight: array<vec4<f32>>;   // [quads], zero in padding lanes
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;     // [quads], zero in padding lanes
@group(0) @binding(4) var<storage, read_write> y: array<Pair>;       // [rows, quads / 2]

#import norm/held

override CENTRE: bool = true;
override WEIGHT: bool = true;
override BIAS: bool = true;

#let TURNS 2*PAIRS+7
#let TURNS TURNS/8

@compute @workgroup_size($LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let first = linear(group, groups) * $(LANES*DOWN)u;
    if first >= p.rows { return; }
    #repeat T 0 TURNS
    let own$T = min($(T*LANES)u + lane, p.quads - 1u);
    var w$T = vec4<f32>(1.0);
    if WEIGHT { w$T = weight[own$T]; }
    var b$T = vec4<f32>(0.0);
    if BIAS { b$T = bias[own$T]; }
    #end
    for (var down = 0u; down < $(DOWN)u; down++) {
        if first + down * $(LANES)u >= p.rows { break; }
        let row = first + down * $(LANES)u + lane;
        // Rows past the end repeat the last: all lanes take part in handing out the weights.
        let base = min(row, p.rows - 1u) * p.quads;
        let h = held(base);
        let mean = select(0.0, h.mean, CENTRE);
        let scale = inverseSqrt(h.variance + p.eps);
        #repeat I 0 2*PAIRS
        var q$I = (h.q$I - mean) * scale;
        if WEIGHT {
            q$I *= vec4<f32>(
                #repeat C 0 4
                subgroupBroadcast(w$(I/8)[$C], $(I%8)u),
                #end
            );
        }
        if BIAS {
            q$I += vec4<f32>(
                #repeat C 0 4
                subgroupBroadcast(b$(I/8)[$C], $(I%8)u),
                #end
            );
        }
        #end
        if row < p.rows {
            #repeat I 0 PAIRS
            if $(2*I)u < p.quads { y[base / 2u + $(I)u] = paired(q$(2*I), q$(2*I+1)); }
            #end
        }
    }
}
