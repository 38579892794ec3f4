// Entry `at` of the Gram matrix of one head, its chunks summed. Needs `gram` and `p` of the kernel.
fn total(image: u32, head: u32, at: u32) -> vec4<f32> {
    var sum = vec4<f32>(0.0);
    for (var chunk = 0u; chunk < p.chunks; chunk++) {
        sum += gram[((image * p.chunks + chunk) * p.heads + head) * gram_size(p.cq) + at];
    }
    return sum;
}
