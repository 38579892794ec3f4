// Activations by number; the numbers are those of `Activation` in src/ops/mod.rs.
const NONE = 0u;
const RELU = 1u;
const GELU = 2u;
const SILU = 3u;
const SIGMOID = 4u;
const QUICK_GELU = 5u;

// erf to f32 accuracy: a Taylor series near zero, elsewhere 1 - exp(-x^2) P(t), t = 1 / (1 + |x| / 2), the Chebyshev
// fit of erfc in Numerical Recipes, 2nd ed., section 6.2 (fractional error below 1.2e-7).
fn erf(x: vec4<f32>) -> vec4<f32> {
    let a = abs(x);
    let t = 1.0 / (1.0 + 0.5 * a);
    let fit = -1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806 + t * (0.27886807
        + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))))))));
    let far = 1.0 - t * exp(fit - a * a);
    let s = x * x;
    let near = a * 1.1283791671 * (1.0 - s * (0.33333333333 - s * (0.1 - s * (0.02380952381 - s * (0.00462962963
        - s * 0.00075757576)))));
    return sign(x) * select(far, near, a < vec4<f32>(0.5));
}

fn gelu(v: vec4<f32>) -> vec4<f32> { return 0.5 * v * (1.0 + erf(v * 0.70710678118)); }
fn sigmoid(v: vec4<f32>) -> vec4<f32> { return 1.0 / (1.0 + exp(-v)); }

fn activate(v: vec4<f32>, kind: u32) -> vec4<f32> {
    if kind == RELU { return max(v, vec4<f32>(0.0)); }
    if kind == GELU { return gelu(v); }
    if kind == SILU { return v * sigmoid(v); }
    if kind == SIGMOID { return sigmoid(v); }
    if kind == QUICK_GELU { return v * sigmoid(1.702 * v); }
    return v;
}
