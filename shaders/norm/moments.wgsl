// Mean and biased variance of a pixel's channels; imported behind Params and x. A large mean costs no digits, because
// squares are summed about it. Padding lanes hold zeros and may lie at the end of every segment, so zeros are left out
// and counted: those that are no padding are added as values of their own.
override PADDED: bool = false;

#if WIDE == 1
// Invocations of a row: a CPU loads lane by lane, wherever neighbours look.
const SHARES = 1u;

// Read once, since loads are dear. Each of the four lanes of a quad updates its own mean and its own sum of squares about
// it (Welford 1962), which are merged at the end (Chan, Golub and LeVeque 1983).
fn moments(base: u32, local: u32) -> vec2<f32> {
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
#else
// Neighbouring invocations load neighbouring quads, and a row's second reading is from a cache.
const SHARES = 8u;

var<workgroup> sums: array<f32, 64>;           // [8 rows, 8 shares]
var<workgroup> squares: array<vec2<f32>, 64>;  // [8 rows, 8 shares]: squares about the mean, zeros

fn moments(base: u32, local: u32) -> vec2<f32> {
    let share = local % SHARES;
    let first = local - share;
    var sum = vec4<f32>(0.0);
    for (var i = share; i < p.quads; i += SHARES) { sum += unpack(x[base + i]); }
    sums[local] = dot(sum, vec4<f32>(1.0));
    workgroupBarrier();
    var mean = 0.0;
    for (var i = 0u; i < SHARES; i++) { mean += sums[first + i]; }
    mean /= p.channels;
    var square = vec4<f32>(0.0);
    var zeros = vec4<f32>(0.0);
    for (var i = share; i < p.quads; i += SHARES) {
        let v = unpack(x[base + i]);
        var d = v - mean;
        if PADDED {
            let zero = v == vec4<f32>(0.0);
            d = select(d, vec4<f32>(0.0), zero);
            zeros += select(vec4<f32>(0.0), vec4<f32>(1.0), zero);
        }
        square = fma(d, d, square);
    }
    squares[local] = vec2<f32>(dot(square, vec4<f32>(1.0)), dot(zeros, vec4<f32>(1.0)));
    workgroupBarrier();
    var all = vec2<f32>(0.0);
    for (var i = 0u; i < SHARES; i++) { all += squares[first + i]; }
    let rest = select(0.0, (all.y - p.padding) * mean * mean, PADDED);
    return vec2<f32>(mean, (all.x + rest) / p.channels);
}
#endif
