// What the depthwise kernels share: parameters, bindings, the bias.
#import shared/dtype
#import shared/index
#import shared/activation

struct Params {
    batch: u32,
    h: u32,
    w: u32,
    // Quads of the input and of the output (half of the input's when gated).
    x_quads: u32,
    y_quads: u32,
    // Vectors from one image's weights to the next; 0 when all share them.
    w_batch: u32,
}
#params

// What one load and one store move: a quad, or two neighbouring ones.
#if QUADS == 2
alias Stored = Pair;
#else
alias Stored = Store;
#endif

@group(0) @binding(1) var<storage, read> x: array<Stored>;           // [batch, h, w, x_quads]
@group(0) @binding(2) var<storage, read> weight: array<Store>;       // [batch?, taps, x_quads]
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;     // [x_quads]
@group(0) @binding(4) var<storage, read_write> y: array<Stored>;     // [batch, h, w, y_quads]

override BIAS: bool = false;
override ACTIVATION: u32 = 0u;
override GATE: u32 = 0u;

fn bias_of(quad: u32) -> vec4<f32> {
    if BIAS { return bias[quad]; }
    return vec4<f32>(0.0);
}
