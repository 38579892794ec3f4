// Activations by number; the numbers are those of `Activation` in src/ops/mod.rs.
const NONE = 0u;
const RELU = 1u;
const GELU = 2u;
const SILU = 3u;
const SIGMOID = 4u;
const QUICK_GELU = 5u;

// v times the normal distribution's share below v, which is half of erfc(|v| / sqrt 2) for a negative v and one minus that
// for others: nothing is taken from one that is nearly one, so the tail keeps its digits. erfc(a) = t exp(P(t) - a^2), t = 1 / (1 + a / 2),
// by the Chebyshev fit in Numerical Recipes, 2nd ed., section 6.2 (fractional error below 1.2e-7).
fn gelu(v: vec4<f32>) -> vec4<f32> {
    let a = abs(v) * 0.70710678118;
    let t = 1.0 / (1.0 + 0.5 * a);
    let fit = -1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806 + t * (0.27886807
        + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))))))));
    let tail = 0.5 * t * exp(fit - a * a);
    return v * select(1.0 - tail, tail, v < vec4<f32>(0.0));
}

fn sigmoid(v: vec4<f32>) -> vec4<f32> { return 1.0 / (1.0 + exp(-v)); }

fn activate(v: vec4<f32>, kind: u32) -> vec4<f32> {
    if kind == RELU { return max(v, vec4<f32>(0.0)); }
    if kind == GELU { return gelu(v); }
    if kind == SILU { return v * sigmoid(v); }
    if kind == SIGMOID { return sigmoid(v); }
    if kind == QUICK_GELU { return v * sigmoid(1.702 * v); }
    return v;
}
