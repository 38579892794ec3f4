// Entry `at` of the Gram matrix of one head, its chunks summed. A workgroup is 8 columns, each an entry, by 8 invocations
// that share the chunks of theirs; all of them get the sum. Needs `gram` and `p` of the kernel.
var<workgroup> shares: array<vec4<f32>, 64>; // [8 shares, 8 columns]

fn total(image: u32, head: u32, at: u32, local: u32) -> vec4<f32> {
    var sum = vec4<f32>(0.0);
    for (var chunk = local / 8u; chunk < p.chunks; chunk += 8u) {
        sum += gram[((image * p.chunks + chunk) * p.heads + head) * gram_size(p.cq) + at];
    }
    shares[local] = sum;
    workgroupBarrier();
    sum = vec4<f32>(0.0);
    for (var share = 0u; share < 8u; share++) { sum += shares[share * 8u + local % 8u]; }
    workgroupBarrier();
    return sum;
}

// Length of channel `row` of q, at least 1e-12 as in F.normalize.
fn length_q(image: u32, head: u32, row: u32, local: u32) -> f32 {
    return max(sqrt(total(image, head, 4u * p.cq * p.cq + row / 4u, local)[row % 4u]), 1e-12);
}

// Logits of a row for the key channels of quad j of this invocation's column.
fn logits_of(image: u32, head: u32, row: u32, q: f32, j: u32, local: u32) -> vec4<f32> {
    let k = max(sqrt(total(image, head, 4u * p.cq * p.cq + p.cq + j, local)), vec4<f32>(1e-12));
    return total(image, head, row * p.cq + j, local) / (q * k) * temperature[head];
}
