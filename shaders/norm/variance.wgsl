// Biased variance of a pixel's channels about their mean; imported behind Params and x. Padding lanes hold zeros, and
// zeros are counted apart: adding mean^2 for every padding lane and subtracting it again would drown a small deviation
// about a large mean.
override PADDED: bool = false;

fn variance(base: u32, mean: f32) -> f32 {
    var squares = vec4<f32>(0.0);
    var zeros = vec4<f32>(0.0);
    for (var i = 0u; i < p.quads; i++) {
        let v = unpack(x[base + i]);
        let d = v - mean;
        if PADDED {
            let zero = v == vec4<f32>(0.0);
            squares += select(d * d, vec4<f32>(0.0), zero);
            zeros += select(vec4<f32>(0.0), vec4<f32>(1.0), zero);
        } else {
            squares += d * d;
        }
    }
    let rest = select(0.0, dot(zeros, vec4<f32>(1.0)) - p.padding, PADDED);
    return (dot(squares, vec4<f32>(1.0)) + rest * mean * mean) / p.channels;
}
