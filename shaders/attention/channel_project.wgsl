//! Joins the attention map of each head with the output projection: M[j, n] = sum_i A[i, j] W[i, n], so that
//! project_out(A v) becomes one contraction of v with a matrix of its own for each image. The result has the panel
//! layout of packed matrices.
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

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = linear(group, groups) * 64u + local;
    let column = id % p.width;
    let j = id / p.width % (4u * p.cq);
    let head = id / p.width / (4u * p.cq) % p.heads;
    let panel = id / p.width / (4u * p.cq) / p.heads % p.panels;
    let image = id / p.width / (4u * p.cq) / p.heads / p.panels;
    if image >= p.batch { return; }
    let rows = (image * p.heads + head) * 4u * p.cq;
    let base = (panel * p.heads + head) * 4u * p.cq;
    var sum = vec4<f32>(0.0);
    for (var i = 0u; i < p.c; i++) {
        sum = fma(vec4<f32>(map[(rows + i) * p.cq + j / 4u][j % 4u]), unpack(w[(base + i) * p.width + column]), sum);
    }
    y[id] = pack(sum);
}
