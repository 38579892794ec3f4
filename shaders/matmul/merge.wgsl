//! Adds a low-rank product to a packed matrix: y = base + sum_r A[k, r] s[r] B[r, n], all in the panel layout that the
//! contraction kernels read. Also to its bias (KIND bias): there k has one row and base, A and y are f32.
//! axis DTYPE f32 f16
//! axis KIND matrix bias
#import shared/dtype
#import shared/index

struct Params {
    batch: u32,
    panels: u32,
    // Rows of a panel, its quads, quads of the rank, quads of a panel of A.
    depth: u32,
    width: u32,
    r4: u32,
    a_width: u32,
    // Vectors from one image's base and A to the next; 0 when all share them.
    base_batch: u32,
    a_batch: u32,
}
#params

#if KIND == bias
alias Value = vec4<f32>;
fn load(v: Value) -> vec4<f32> { return v; }
fn save(v: vec4<f32>) -> Value { return v; }
#else
alias Value = Store;
fn load(v: Value) -> vec4<f32> { return unpack(v); }
fn save(v: vec4<f32>) -> Value { return pack(v); }
#endif

@group(0) @binding(1) var<storage, read> base: array<Value>;      // [batch?, panels, depth, width]
@group(0) @binding(2) var<storage, read> a: array<Value>;         // [batch?, panels of A, depth, a_width]
@group(0) @binding(3) var<storage, read> b: array<Store>;         // [panels, 4 r4, width]
@group(0) @binding(4) var<storage, read> s: array<Store>;         // [batch, r4]
@group(0) @binding(5) var<storage, read_write> y: array<Value>;   // [batch, panels, depth, width]

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let id = linear(group, groups) * 64u + local;
    let column = id % p.width;
    let k = id / p.width % p.depth;
    let panel = id / p.width / p.depth % p.panels;
    let image = id / p.width / p.depth / p.panels;
    if image >= p.batch { return; }
    let own = id - image * p.width * p.depth * p.panels;
    var sum = load(base[image * p.base_batch + own]);
    for (var r = 0u; r < p.r4; r++) {
        let at = image * p.a_batch + (r / p.a_width * p.depth + k) * p.a_width + r % p.a_width;
        let factor = load(a[at]) * unpack(s[image * p.r4 + r]);
        #repeat J 0 4
        sum = fma(vec4<f32>(factor[$J]), unpack(b[(panel * 4u * p.r4 + 4u * r + $(J)u) * p.width + column]), sum);
        #end
    }
    y[id] = save(sum);
}
