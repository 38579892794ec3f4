// How kernels with tiles in workgroup memory walk along K: the taps and the low-rank segment behind them are one run of
// quads. A quad of A is loaded as it is stored and becomes an operand later, when it has arrived.

// Quads of K of all taps, and of all there is.
fn taps_depth() -> u32 { return p.kernel_h * p.kernel_w * p.k4; }
fn depth() -> u32 { return taps_depth() + p.r4; }

// A quad of K: its number, its tap (y and x) and its quad of channels.
struct Place {
    t: u32,
    tap: vec2<u32>,
    k4: u32,
}

// The place `quads` further on, without a division.
fn ahead(place: Place, quads: u32) -> Place {
    var to = place;
    to.t += quads;
    to.k4 += quads;
    #if WINDOW == 1
    while to.k4 >= p.k4 {
        to.k4 -= p.k4;
        to.tap.y += 1u;
        if to.tap.y == p.kernel_w { to.tap = vec2<u32>(to.tap.x + 1u, 0u); }
    }
    #endif
    return to;
}

// A row of A: where its first tap lies (before x, perhaps, where that is padding), its products, its norm.
struct Line {
    corner: vec2<i32>,
    quad: u32,
    low: u32,
    norm: vec2<f32>,
}

// Rows past the end repeat the last one.
fn line_of(image: u32, row: u32) -> Line {
    let own = min(row, p.rows - 1u);
    let first = corner(own);
    #if WINDOW == 1
    let pixel = image * p.in_h * p.in_w + u32(first.x * i32(p.in_w) + first.y);
    #else
    let pixel = image * p.rows + own;
    #endif
    return Line(first, pixel * p.x_stride + p.x_offset, (image * p.rows + own) * p.r4, norm_of(image, own));
}

// Whether there is such a quad of x; the zero padding and what follows the taps have none.
fn inside(line: Line, at: Place) -> bool {
    #if WINDOW == 1
    let pixel = vec2<u32>(line.corner + vec2<i32>(at.tap));
    return at.t < taps_depth() && pixel.x < p.in_h && pixel.y < p.in_w;
    #else
    return at.t < taps_depth();
    #endif
}

// A quad of A as it is stored; any where `operand_of` will find a zero.
fn stored(line: Line, at: Place) -> Store {
    #if LOWRANK == 1
    if at.t >= taps_depth() { return low[line.low + min(at.t - taps_depth(), p.r4 - 1u)]; }
    #endif
    return x[select(0u, line.quad + (at.tap.x * p.in_w + at.tap.y) * p.x_stride + at.k4, inside(line, at))];
}

// The factors of its channels, which all rows share.
fn factor_at(image: u32, at: Place) -> Store {
    if !scales() { return Store(); }
    return scale[image * p.k4 + min(at.k4, p.k4 - 1u)];
}

// What the prologue makes of it; zero past the end of K.
fn operand_of(line: Line, at: Place, quad: Store, factor: Store) -> vec4<f32> {
    var a = unpack(quad);
    #if LOWRANK == 1
    if at.t >= taps_depth() { return select(vec4<f32>(0.0), a, at.t < depth()); }
    #endif
    a = (a - line.norm.x) * line.norm.y;
    if scales() { a *= unpack(factor); }
    return select(vec4<f32>(0.0), a, inside(line, at));
}
