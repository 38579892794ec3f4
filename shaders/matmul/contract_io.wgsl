// What the contraction kernels share: bindings, parameters, the operand loader and the epilogue.
//
// out[b, r, n] = epilogue( sum_k A[b, r, k] * W[b?, k, n] ), r = output pixel, k = (tap, input channel).
// With LOWRANK the sum goes on over a second segment of K, sum_j low[b, r, j] * B[j, n], whose weights B follow those of
// the first in every panel: W x + B (A x) in one pass.
// All widths are in vec4s ("quads").
#import shared/dtype
#import shared/index
#import shared/activation

struct Params {
    batch: u32,
    // Output pixels of one image, its width, and the input's height and width.
    rows: u32,
    out_w: u32,
    in_h: u32,
    in_w: u32,
    // The input quads this kernel reads: pixel stride, first quad, quads used as K.
    x_stride: u32,
    x_offset: u32,
    k4: u32,
    // Quads of the output (of one half when gated), the panels that cover them.
    n4: u32,
    panels: u32,
    kernel_h: u32,
    kernel_w: u32,
    stride: u32,
    pad: u32,
    // Vectors from one image's weights to the next; 0 when all share them.
    w_batch: u32,
    // The first panel of this dispatch: a matrix too large for one binding comes in parts.
    first_panel: u32,
    // Quads of the low-rank segment; 0 without one.
    r4: u32,
    // Panels of the bound matrix in front of this dispatch's: the last panel may have a dispatch of its own.
    skipped: u32,
    // NORM + 4 SCALE + 8 BIAS + 16 RESIDUAL, for kernels that decide these as they run.
    stages: u32,
    // Rows of a workgroup of the kernels that keep their weights. contract_sliding.wgsl counts in its own units, rows of the
    // picture, and blocks of columns in `panels` and `skipped`.
    block: u32,
    // The first quad of channels of a dispatch of contract_sliding.wgsl, whose sums go on from those in y.
    first_k4: u32,
}
#params

// What one load of weights or of the residual, and one store, move: a quad, or the two quads of a lane.
#if PAIRED == 1
alias Columns = Pair;
#else
alias Columns = Store;
#endif

#if DOUBLE == 1
@group(0) @binding(1) var<storage, read> x: array<Pair>;              // [batch, in_h, in_w, x_stride / 2]
#else
@group(0) @binding(1) var<storage, read> x: array<Store>;             // [batch, in_h, in_w, x_stride]
#endif
@group(0) @binding(2) var<storage, read> w: array<Columns>;           // [batch?, panels, taps * 4 k4 + 4 r4, panel quads]
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;      // [quads of w's columns]
@group(0) @binding(4) var<storage, read> stats: array<vec4<f32>>;     // [batch, rows]: mean, 1 / deviation
@group(0) @binding(5) var<storage, read> scale: array<Store>;         // [batch, k4]
@group(0) @binding(6) var<storage, read> residual: array<Columns>;    // [batch, rows, n4], or [batch, n4]
@group(0) @binding(7) var<storage, read> low: array<Store>;           // [batch, rows, r4]
#if OUT == f32
@group(0) @binding(8) var<storage, read_write> y: array<vec4<f32>>;   // [batch, rows, n4]
#else
@group(0) @binding(8) var<storage, read_write> y: array<Columns>;     // [batch, rows, n4]
#endif

// Prologue: NORM: 0 none, 1 divide by the deviation (BiasFree LayerNorm), 2 subtract the mean first; SCALE: multiply by a
// factor per channel (channel attention). Epilogue: BIAS, then RESIDUAL: 0 none, 1 add it; of a value for each image and
// channel: 2 multiply by it, 3 add it.
override NORM: u32 = 0u;
override SCALE: bool = false;
override BIAS: bool = false;
override RESIDUAL: u32 = 0u;
#if WIDE == 1
// Software adapters take most of a second to compile a contraction, so theirs decide what costs little as they run: NORM,
// SCALE and RESIDUAL say what a pipeline may have, the stages what this dispatch has.
fn norms() -> u32 { return select(0u, p.stages & 3u, NORM != 0u); }
fn scales() -> bool { return SCALE && (p.stages & 4u) != 0u; }
fn has_bias() -> bool { return (p.stages & 8u) != 0u; }
fn residual_kind() -> u32 { return select(0u, p.stages >> 4u, RESIDUAL != 0u); }
#else
fn norms() -> u32 { return NORM; }
fn scales() -> bool { return SCALE; }
fn has_bias() -> bool { return BIAS; }
fn residual_kind() -> u32 { return RESIDUAL; }
#endif
override ACTIVATION: u32 = 0u;
// What joins the two halves of a gated kernel: 0 product, else activation(first) * second.
override GATE: u32 = 0u;

// The input pixel under the first tap of a row: y and x, which may lie in the zero padding.
fn corner(row: u32) -> vec2<i32> {
    #if WINDOW == 1
    return corner_of(pixel_of(row));
    #else
    return vec2<i32>(0);
    #endif
}

#if WINDOW == 1
// Row and column of an output pixel.
fn pixel_of(row: u32) -> vec2<u32> { return vec2<u32>(row / p.out_w, row % p.out_w); }

fn corner_of(pixel: vec2<u32>) -> vec2<i32> { return vec2<i32>(pixel * p.stride) - i32(p.pad); }
#endif

// Where a row of A starts for each tap. `inside` is false in the zero padding.
struct Source {
    quad: u32,
    inside: bool,
}

fn source(image: u32, row: u32, first: vec2<i32>, ty: u32, tx: u32) -> Source {
    #if WINDOW == 1
    let iy = first.x + i32(ty);
    let ix = first.y + i32(tx);
    let inside = iy >= 0 && ix >= 0 && iy < i32(p.in_h) && ix < i32(p.in_w);
    let pixel = select(0u, u32(iy) * p.in_w + u32(ix), inside);
    return Source((image * p.in_h * p.in_w + pixel) * p.x_stride + p.x_offset, inside);
    #else
    return Source((image * p.rows + row) * p.x_stride + p.x_offset, true);
    #endif
}

#if DOUBLE != 1
fn operand(s: Source, k4: u32, norm: vec2<f32>, factor: vec4<f32>) -> vec4<f32> {
    return treated(unpack(x[s.quad + k4]), s, norm, factor);
}
#endif

// What the prologue makes of a loaded quad.
fn treated(loaded: vec4<f32>, s: Source, norm: vec2<f32>, factor: vec4<f32>) -> vec4<f32> {
    var a = loaded;
    #if WINDOW == 1
    a = select(vec4<f32>(0.0), a, s.inside);
    #endif
    // Identities where there is no norm: a branch in this loop would cost a software adapter more.
    a = (a - norm.x) * norm.y;
    if SCALE { a = a * factor; }
    return a;
}

fn norm_of(image: u32, row: u32) -> vec2<f32> {
    if norms() == 0u { return vec2<f32>(0.0, 1.0); }
    let s = stats[image * p.rows + row].xy;
    return vec2<f32>(select(0.0, s.x, norms() == 2u), s.y);
}

fn factor_of(image: u32, k4: u32) -> vec4<f32> {
    if scales() { return unpack(scale[image * p.k4 + k4]); }
    return vec4<f32>(1.0);
}

fn join(a: vec4<f32>, b: vec4<f32>) -> vec4<f32> {
    return activate(a, GATE) * b;
}

// The epilogue of one sum and its residual.
fn ended(sum: vec4<f32>, other: vec4<f32>) -> vec4<f32> {
    let v = activate(sum, ACTIVATION);
    if RESIDUAL == 0u { return v; }
    return select(v + other, v * other, residual_kind() == 2u);
}

// Where a quad of a row is stored. `row` may lie past the end: it stands for the last row, whose operands it was given.
fn place(image: u32, row: u32, n4: u32) -> u32 { return (image * p.rows + min(row, p.rows - 1u)) * p.n4 + n4; }

// Where its residual is.
fn beside(at: u32, image: u32, n4: u32) -> u32 { return select(image * p.n4 + n4, at, residual_kind() == 1u); }

#if PAIRED == 1
// Two neighbouring quads; the first is an even one of an even row.
fn finish(image: u32, row: u32, n4: u32, first: vec4<f32>, second: vec4<f32>) {
    let at = place(image, row, n4);
    var other: Columns;
    if residual_kind() != 0u { other = residual[beside(at, image, n4) / 2u]; }
    let a = ended(first, quad_in(other, 0u));
    let b = ended(second, quad_in(other, 1u));
    #if OUT == f32
    y[at] = a;
    y[at + 1u] = b;
    #else
    y[at / 2u] = paired(a, b);
    #endif
}
#else
fn finish(image: u32, row: u32, n4: u32, sum: vec4<f32>) {
    let at = place(image, row, n4);
    var other: Store;
    if residual_kind() != 0u { other = residual[beside(at, image, n4)]; }
    let v = ended(sum, unpack(other));
    #if OUT == f32
    y[at] = v;
    #else
    y[at] = pack(v);
    #endif
}
#endif

fn bias_of(quad: u32) -> vec4<f32> {
    if has_bias() { return bias[quad]; }
    return vec4<f32>(0.0);
}
