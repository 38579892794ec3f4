//! Joins the attention map of each head with the output projection: M[j, n] = sum_i A[i, j] W[i, n], so that
//! project_out(A v) becomes one contraction of v with a matrix of its own for each image. The result has the panel
//! layout of packed matrices. With WIDE an invocation computes the four rows of a quad of j, which share their loads.
//! axis DTYPE f32 f16
//! axis WIDE 0 1
#import shared/dtype
#import shared/index

struct Params {
    batch: u32,
    heads: u32,
    cq: u32,
    c: u32,
    panels: u32,
    // Quads of a panel.
    width: u32,
}
#params

@group(0) @binding(1) var<storage, read> map: array<vec4<f32>>;       // [batch, heads, 4 cq, cq]
@group(0) @binding(2) var<storage, read> w: array<Store>;             // [panels, heads * 4 cq, width]
@group(0) @binding(3) var<storage, read_write> y: array<Store>;       // [batch, panels, heads * 4 cq, width]

#let ROWS 1+3*WIDE

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = linear(group, groups) * 64u + local;
    let blocks = 4u * p.cq / $(ROWS)u;
    let column = id % p.width;
    let j = id / p.width % blocks * $(ROWS)u;
    let head = id / p.width / blocks % p.heads;
    let panel = id / p.width / blocks / p.heads % p.panels;
    let image = id / p.width / blocks / p.heads / p.panels;
    if image >= p.batch { return; }
    let rows = (image * p.heads + head) * 4u * p.cq;
    let base = (panel * p.heads + head) * 4u * p.cq;
    #repeat R 0 ROWS
    var sum$R = vec4<f32>(0.0);
    #end
    for (var i = 0u; i < p.c; i++) {
        let weights = unpack(w[(base + i) * p.width + column]);
        #if WIDE == 1
        let factors = map[(rows + i) * p.cq + j / 4u];
        #repeat R 0 ROWS
        sum$R = fma(vec4<f32>(factors[$R]), weights, sum$R);
        #end
        #else
        sum0 = fma(vec4<f32>(map[(rows + i) * p.cq + j / 4u][j % 4u]), weights, sum0);
        #endif
    }
    let out = (((image * p.panels + panel) * p.heads + head) * 4u * p.cq + j) * p.width + column;
    #repeat R 0 ROWS
    y[out + $(R)u * p.width] = pack(sum$R);
    #end
}
