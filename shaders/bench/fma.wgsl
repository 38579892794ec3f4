//! The f32 FMA peak: CHAINS independent chains of vec4 FMAs in registers. Only these are counted: 8 operations an FMA.
//! Every component of every chain starts elsewhere and runs towards slope / (1 - factor), so the result is known and
//! nothing can be left out or shared.
//! axis CHAINS 2 3 8
#import shared/index

struct Params {
    total: u32,
    rounds: u32,
    factor: f32,
    slope: f32,
}
#params

@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;   // [total]

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = linear(group, groups) * 64u + local;
    if i >= p.total { return; }
    let factor = vec4<f32>(p.factor);
    let slope = vec4<f32>(p.slope);
    #repeat C 0 CHAINS
    var a$C = vec4<f32>(f32(i % 16u) + $(C).0) + vec4<f32>(0.0, 0.25, 0.5, 0.75);
    #end
    for (var k = 0u; k < p.rounds; k++) {
        #repeat U 0 8
        #repeat C 0 CHAINS
        a$C = fma(a$C, factor, slope);
        #end
        #end
    }
    var sum = vec4<f32>(0.0);
    #repeat C 0 CHAINS
    sum += a$C;
    #end
    y[i] = sum;
}
