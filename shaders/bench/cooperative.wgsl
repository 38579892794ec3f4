//! The peak of cooperative matrices: CHAINS independent chains of multiply-adds on square matrices of SIDE, the operands
//! in registers and the sums in f32. Only these are counted: 2 SIDE^3 operations a multiply-add of a subgroup.
//! Every element of A and B is 1/16, so a multiply-add adds SIDE / 256 to every sum, exactly.
//! axis AB f32 f16
//! axis SIDE 8 16
//! axis LANES 8 32 64
//! axis CHAINS 2 8
#if AB == f16
enable f16;
#endif
enable wgpu_cooperative_matrix;

struct Params {
    total: u32,
    rounds: u32,
}
#params

@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;   // [total, SIDE * SIDE / 4]

#if AB == f16
alias Element = f16;
#else
alias Element = f32;
#endif

const AREA = $(SIDE*SIDE)u;
var<workgroup> operand: array<Element, AREA>;   // [SIDE, SIDE]
var<workgroup> sum: array<f32, AREA>;           // [SIDE, SIDE]

@compute @workgroup_size($LANES)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    // As in shared/index, but inline: naga must see that a workgroup returns as a whole.
    let id = group.x + group.y * groups.x;
    if id >= p.total { return; }
    for (var i = local; i < AREA; i += $(LANES)u) { operand[i] = Element(0.0625); }
    workgroupBarrier();
    let a = coopLoadT<coop_mat$(SIDE)x$(SIDE)<Element, A>>(&operand[0], $(SIDE)u);
    let b = coopLoadT<coop_mat$(SIDE)x$(SIDE)<Element, B>>(&operand[0], $(SIDE)u);
    // Every chain starts elsewhere, so that no two are the same.
    #repeat C 0 CHAINS
    for (var i = local; i < AREA; i += $(LANES)u) { sum[i] = $(C).0; }
    workgroupBarrier();
    var c$C = coopLoadT<coop_mat$(SIDE)x$(SIDE)<f32, C>>(&sum[0], $(SIDE)u);
    workgroupBarrier();
    #end
    for (var k = 0u; k < p.rounds; k++) {
        #repeat U 0 8
        #repeat C 0 CHAINS
        c$C = coopMultiplyAdd(a, b, c$C);
        #end
        #end
    }
    // All chains are added up, so none can be left out.
    #repeat C 0 CHAINS
    coopStoreT(c$C, &sum[0], $(SIDE)u);
    workgroupBarrier();
    for (var i = local; i < AREA / 4u; i += $(LANES)u) {
        var v = vec4<f32>(sum[4u * i], sum[4u * i + 1u], sum[4u * i + 2u], sum[4u * i + 3u]);
        #if C != 0
        v += y[id * (AREA / 4u) + i];
        #endif
        y[id * (AREA / 4u) + i] = v;
    }
    workgroupBarrier();
    #end
}
