// Mean and biased variance of a pixel's channels, read once; imported behind Params and x. Each of the four lanes of a
// quad updates its own mean and its own sum of squares about it (Welford 1962), which are merged at the end (Chan,
// Golub and LeVeque 1983): a large mean costs no digits, as in two passes. Padding lanes hold zeros and may lie at the
// end of every segment, so zeros are left out and counted: those that are no padding are merged as values of their own.
override PADDED: bool = false;

fn moments(base: u32) -> vec2<f32> {
    var mean = vec4<f32>(0.0);
    var squares = vec4<f32>(0.0);
    var count = vec4<f32>(0.0);
    for (var i = 0u; i < p.quads; i++) {
        let v = unpack(x[base + i]);
        let d = v - mean;
        if PADDED {
            let valued = v != vec4<f32>(0.0);
            count += select(vec4<f32>(0.0), vec4<f32>(1.0), valued);
            let step = select(vec4<f32>(0.0), d / max(count, vec4<f32>(1.0)), valued);
            mean += step;
            squares += select(vec4<f32>(0.0), d * (v - mean), valued);
        } else {
            mean += d / f32(i + 1u);
            squares += d * (v - mean);
        }
    }
    if !PADDED { count = vec4<f32>(f32(p.quads)); }
    let all = dot(mean, count) / p.channels;
    let apart = mean - all;
    let zeros = f32(4u * p.quads) - dot(count, vec4<f32>(1.0)) - p.padding;
    let rest = select(0.0, zeros * all * all, PADDED);
    return vec2<f32>(all, (dot(squares, vec4<f32>(1.0)) + dot(count * apart, apart) + rest) / p.channels);
}
