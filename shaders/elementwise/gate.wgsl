//! y = activation(first half of the channels) * second half: SimpleGate, GDFN's gate; with SWAP the second half is
//! activated (GEGLU).
//! axis DTYPE f32 f16
//! axis WIDE 0 1
#import shared/dtype
#import shared/index
#import shared/activation

struct Params {
    total: u32,
    // Quads of one half.
    quads: u32,
}
#params

@group(0) @binding(1) var<storage, read> x: array<Store>;         // [rows, 2 quads]
@group(0) @binding(2) var<storage, read_write> y: array<Store>;   // [rows, quads]

override ACTIVATION: u32 = 0u;
override SWAP: bool = false;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear(group, groups) * 64u + local;
    if i >= p.total { return; }
    let at = i / p.quads * 2u * p.quads + i % p.quads;
    let first = unpack(x[at]);
    let second = unpack(x[at + p.quads]);
    y[i] = pack(activate(select(first, second, SWAP), ACTIVATION) * select(second, first, SWAP));
}
